"""A web framework and an HTTP/1.1 server, both WSGI, and the dashboard built on them.

The way of one request, in the order in which it meets the files:

1.  `server`            accepts the connection; the event loop owns it from here
2.  `connection`        receives bytes, and knows who owns the connection: loop or thread
3.  `http_decoder`      makes a request of the bytes, or refuses them with a status
4.  `thread_pool`       a thread takes the connection once the request is whole
5.  `wsgi`              the request becomes an environ, the application is called
6.  `application`       hooks, routing, handler, errors: the framework's one entrance
7.  `routing`           finds the handler (`converters` read the placeholders)
8.  `requests`          gives the handler what the client sent (`headers`, `multidict`)
9.  the handler         may render `templates` (`template_expressions`, `template_filters`),
                        which know `markup` from text
10. `responses`         what the handler returned (`errors` where it raised, `static` for files)
11. `http_encoder`      head, framing, body as bytes
12. `connection`        sends them, and gives the connection back to the loop; what the client does
                        not take at once waits in its `output`

Steps 1 to 5, 11 and 12 are the server and run any WSGI application; 6 to 10 are the framework and
run under any WSGI server. Between the two stands PEP 3333 and nothing else, with two additions: in
`environ["glassbox.stream"]` and `environ["glassbox.websocket"]` the server offers to have an
`event_stream` or a `websocket` without holding a thread.

What the server can be told to do beyond that: `tls`, `proxy_protocol`, `access_log`; and `run`
starts it for any application, with several processes (`worker`).

What the framework has beyond that, each in a file that nothing else needs:

    bodies       multipart (forms with files), file_response (files, parts of them), conditional
                 (ETag and If-…), compression
    browsers     signing, sessions, csrf, cors, debug_page
    pages        template_contexts, template_escapes: how a value is escaped where it stands
    functions    expose, typed_values: a typed function is an endpoint; openapi describes all
    sockets      websocket, websocket_codec (frames), websocket_deflate
    proxies      proxies: who the client is behind one that is known

Around them: `service` starts all of it as a process of this house (`options`: how it is set,
`health`: asks a running one), `client` talks to an application, `test_client` calls one without a
socket.
"""
