"""What every server of this house shares. No module here knows any service.

The way of a request through these files, in the order in which one would read them:

1.  `options`          command line and environment become the settings of a process
2.  `lifecycle`        bind, print the ready line, stop on SIGTERM; `descriptors`: how many
                       clients the kernel allows
3.  `event_loop`       one thread waits for sockets, timers and other threads
4.  `stream_server`    connects clients, buffers their output, sends once per turn;
                       `accepting`: from a listening socket to connected ones
5.  `dialect`          JSON lines or RESP? The first bytes tell
6.  `json_lines`       codec: one JSON object per line
7.  `resp`             codec: RESP2 and RESP3, the server's side; `resp_replies`: the client's;
                       `resp_runs`: a pipeline of requests that are alike
8.  `channels`         who is subscribed to what (pubsub, and kvdb's own pub/sub); `glob`;
                       `subscribing`: the same in the words of Redis

What is kept:

9.  `append_only_log`  records at the end of one file; a torn tail is told from damage
10. `atomic_file`      a file on the disk is the old one or the new one, whole
11. `forked_writer`    a child process writes what was in memory at one moment

What others see of a process:

12. `logs`             log lines with fields
13. `health`           what a running service says of itself; `health_check`: asking for it

And for services that depend on kvdb and pubsub:

14. `resp_client`      a blocking Redis client; `redis_url`: where it connects to;
                       `mongo_url`: where a client of docdb does; `connection_pool`: connections
                       that wait idle for their next loan
15. `backoff`          how long to wait before trying again

And where a login proves a password without sending it:

16. `scram`            SCRAM-SHA-1 and SCRAM-SHA-256, both sides
"""
