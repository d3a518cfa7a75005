"""The task queue's broker: takes tasks over HTTP, keeps them in kvdb, schedules them.

The life of a task through these files, in the order in which one would read them:

    POST /tasks
1.  `api`            the HTTP request comes to its handler (`task_routes`, which reads a query by
                     `queries`); every mistake becomes a problem; `schemas`: what the API takes and
                     gives, for its OpenAPI document
2.  `submission`     what a client may ask for, checked; `task_options`: the options
3.  `task_queue`     stores it: `creation` makes the record, `once` finds the one that is there
                     (`idempotency`, `uniqueness`), `merging` saves commands; `conflicts`: what if
                     somebody else changes the same
4.  `task_record`    everything that is known of a task; `states`: which step may follow which
5.  `places`         where a task with such a record lies, and the commands that move it;
                     `consequences`: what else changes with it
6.  `keys`           the layout of all that in kvdb, with a picture

    a worker
7.  `delivery`       claim, lease, acknowledge: the worker's session, and why nothing is lost;
                     `opening`: what becomes of a claimed id; `fence`: how a session writes
8.  `outcomes`       what becomes of a task when an attempt has ended; `endings`: and when somebody
                     has cancelled it meanwhile
9.  `middleware`     where rules are hooked in that look at one record: `expiry`, `retries`,
                     `losses`
10. `gates`          and those that look at what tasks share: `rate_limits`, `concurrency`,
                     `queue_settings`; `rules` lists them all

    meanwhile, in one of the brokers
11. `scheduler`      does what is due; `election` says in which broker; `duties` lists what
12. `due`            tasks whose time has come; `batch`: many at a time
13. `reaper`         takes the tasks of workers that died
14. `lanes`          lets tasks in for which a slot is free
15. `firing`         submits what schedules want: `schedules`, `cron`
16. `progression`    goes on with workflows: `workflow` (the tree), `workflow_record`, `steps`
17. `sweeping`       forgets

    GET /tasks/ID/wait, and other questions
18. `events`         what happens is told over pub/sub (`announcer`: by threads that do not wait
                     for that); `progress`: how far a task has come
19. `waiting`        and wakes whoever waits for it; `ends`: a broker hears of ends
20. `listing`        pages of tasks and workflows; `workers`: who they are
                     `queues`, `schedule_book`, `workflows`, `bulk`: what people do about them, with
                     their routes in `…_routes`

    a program that calls tasks, or a person
21. `client`         the door to this package: `task` (whose arguments `json_values` checks),
                     `result`, `signatures`, `execution`
22. `connections`    through a broker (`http_client`), or straight to kvdb (`store_client`); what
                     they raise: `errors`
23. `cli`            `python3 -m services.broker.cli`

`service` puts the parts together, `store` says where kvdb and pubsub are, and `clock` what time it
is.
"""
