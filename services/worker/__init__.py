"""The task queue's worker: claims tasks from kvdb and runs each in a process of its own.

The way of a task through these files, in the order in which one would read them:

1.  `service`        which part knows which; all are in one thread
2.  `consumer`       the coroutine that keeps the session in kvdb: claims, renews, finishes
                     (what a session is, stands in `services.broker.delivery`); `coroutines`: how
                     it waits without holding up the others; `loop_connection`: for kvdb;
                     `listener`, `teller`: what it hears and tells over pub/sub
3.  `backlog`        what waits, as far as the worker knows; `reminders`: what is not there yet
    `fair_share`     from which queues the next tasks are claimed
4.  `pool`           the children, and which of them runs what
5.  `child_process`  one child as the worker sees it; `frames`: what is said between the two
6.  `time_limits`, `memory`     why an attempt is stopped before it has ended
                     (`process_tree`: and what it has started with it)
7.  `child`          the program in the child: runs the task
8.  `surroundings`   what a task has left behind; `reporter`: what it tells while it runs
9.  `registry`       which tasks there are; `samples`: some
                     (how one defines and calls them, stands in `services.broker.task`)
10. `output`         what a task prints

`health` answers `--health` of a process that listens nowhere.
"""
