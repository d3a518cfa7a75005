"""The task queue's worker: claims tasks from kvdb and runs each in a process of its own.

The way of a task through these files, in the order in which one would read them:

1.  `service`        which part is in which thread, and how they talk
2.  `consumer`       the thread that keeps the session in kvdb: claims, renews, finishes
                     (what a session is, stands in `services.broker.delivery`)
3.  `fair_share`     from which queues the next tasks are claimed
4.  `pool`           the children, and which of them runs what; `time_limits` stops them
5.  `child_process`  one child as the worker sees it; `frames`: what is said between the two
6.  `child`          the program in the child: runs the task
7.  `registry`       which tasks there are; `task`: how one defines them; `samples`: some
8.  `output`         what a task prints

`health` answers `--health` of a process that listens nowhere.
"""
