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
12. `connection`        sends them, and gives the connection back to the loop

Steps 1 to 5, 11 and 12 are the server and run any WSGI application; 6 to 10 are the framework and
run under any WSGI server. Between the two stands PEP 3333 and nothing else, with one addition: in
`environ["glassbox.stream"]` the server offers to send an `event_stream` without holding a thread.

Around them: `service` starts all of it as a process of this house (`options`: how it is set,
`health`: asks a running one), `openapi` describes an application, `client` talks to one,
`test_client` calls one without a socket.
"""
