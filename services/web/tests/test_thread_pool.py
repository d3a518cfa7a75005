"""The thread pool: every job is done, at most `size` at a time, oldest first."""

import threading

from services.web.thread_pool import ThreadPool


def test_every_job_is_done_once():
    done, seen = threading.Semaphore(0), []

    def run(job):
        seen.append(job)
        done.release()

    pool = ThreadPool("test", 3, run)
    for job in range(500):
        pool.submit(job)
        if job % 7 == 0:
            pool.dispatch()
    pool.dispatch()
    for _ in range(500):
        assert done.acquire(timeout=10)
    assert sorted(seen) == list(range(500))
    pool.close()


def test_a_blocked_job_holds_up_nobody_but_itself():
    release, done = threading.Event(), threading.Semaphore(0)

    def run(job):
        if job == "slow":
            release.wait(10)
        done.release()

    pool = ThreadPool("test", 2, run)
    pool.submit("slow")
    for _ in range(20):
        pool.submit("fast")
    pool.dispatch()
    for _ in range(20):
        assert done.acquire(timeout=10)
    release.set()
    assert done.acquire(timeout=10)
    pool.close()


def test_no_more_threads_than_asked_for():
    barrier, done = threading.Barrier(3), threading.Semaphore(0)
    running, most, lock = set(), [], threading.Lock()

    def run(job):
        with lock:
            running.add(job)
            most.append(len(running))
        if job < 2:
            barrier.wait(10)
        with lock:
            running.discard(job)
        done.release()

    pool = ThreadPool("test", 2, run)
    for job in range(10):
        pool.submit(job)
    pool.dispatch()
    # Both threads are held at the barrier, so nobody else can have run.
    barrier.wait(10)
    for _ in range(10):
        assert done.acquire(timeout=10)
    assert max(most) == 2
    pool.close()


def test_a_system_without_more_threads_makes_do_with_those_it_has(monkeypatch):
    done, started = threading.Semaphore(0), []
    start = threading.Thread.start

    def start_only_one(thread):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_only_one)
    release = threading.Event()
    pool = ThreadPool("test", 8, lambda job: (release.wait(10), done.release()))
    for _ in range(3):
        pool.submit(1)
        pool.dispatch()
    release.set()
    for _ in range(3):
        assert done.acquire(timeout=10)
    assert len(started) == 1
    pool.close()


def test_closing_lets_queued_jobs_finish_and_threads_end():
    done = threading.Semaphore(0)
    before = set(threading.enumerate())
    pool = ThreadPool("test", 2, lambda job: done.release())
    for job in range(5):
        pool.submit(job)
    pool.dispatch()
    threads = set(threading.enumerate()) - before
    pool.close()
    for _ in range(5):
        assert done.acquire(timeout=10)
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
