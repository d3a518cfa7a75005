"""Publish/subscribe: messages on channels, to whoever is subscribed at that moment.

The way of a message through these files, from the bytes of its publisher to the bytes of its
subscribers:

     bytes of a publisher                                   bytes of the subscribers
        │                                                                  ▲
    1.  server       one event loop, all sockets                           │  one send for each
        │                                                                  │  client and turn
    2.  session      which dialect? which request? which answer?           │
        │                                                                  │
    3a. agreed       the challenge's JSON lines                            │
    3b. commands     the table of RESP commands and its guards             │
        ├─ subscribing      SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE, PUBLISH, PUBSUB
        ├─ connecting       HELLO, AUTH, CLIENT, PING, RESET, QUIT         │
        └─ administration   INFO                                           │
        │                                                                  │
    4.  broker       who gets it: channels, patterns, linked brokers       │
        │                                                                  │
    5.  deliveries   one message, encoded once for each dialect ───────────┘

Beside the way: `outcomes` is what a command can come to; `hub` makes one broker of many;
`client` is what the other services use; `chat` is a two-way chat in a terminal.

Nothing here is written to a disk. Pub/sub keeps no message: who is away misses it, and what
must not be missed belongs into a queue or a log (in this house: `kvdb`, and the broker of the
task queue on top of it).
"""
