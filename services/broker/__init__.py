"""The task queue's broker: takes tasks over HTTP, keeps them in kvdb, schedules them.

The life of a task through these files, in the order in which one would read them:

    POST /tasks
1.  `api`            the HTTP request becomes a submission; every mistake becomes a problem
2.  `submission`     what a client may ask for, checked; `task_options`: the options
3.  `task_queue`     makes a record of it and stores it; `idempotency`: once for each key
4.  `task_record`    everything that is known of a task; `states`: which step may follow which
5.  `places`         where a task with such a record lies, and the commands that move it
6.  `keys`           the layout of all that in kvdb, with a picture

    a worker
7.  `delivery`       claim, lease, acknowledge: the worker's session, and why nothing is lost
8.  `outcomes`       what becomes of a task when an attempt has ended
9.  `middleware`     where rules are hooked in: `expiry`, `retries`, `losses`; `rules` lists them

    meanwhile, in one of the brokers
10. `scheduler`      queues what is due; `election` says which broker does it
11. `reaper`         takes the tasks of workers that died

    GET /tasks/ID/wait
12. `events`         what happens is told over pub/sub
13. `waiting`        and wakes whoever waits for it
14. `listing`        pages of tasks, queues, workers

`service` puts the parts together, `store` says where kvdb and pubsub are, and `client` is what
other programs, the worker among them, use of all this.
"""
