"""Tasks that misbehave, for the tests of the worker."""

import os
import signal
import subprocess
import sys
import time

from services.worker.task import SoftTimeout, current_task, task


class NotWorthTrying(Exception):
    pass


@task
def return_what_is_no_json() -> object:
    return object()


@task
def return_megabytes() -> str:
    return "x" * 5_000_000


@task
def exit_the_process() -> None:
    sys.exit(3)


@task
def kill_the_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@task
def print_megabytes() -> str:
    for _ in range(3000):
        print("x" * 1000)
    return "printed"


@task(retries=5, give_up_on=(NotWorthTrying,))
def give_up() -> None:
    raise NotWorthTrying("really not")


@task(retries=5, retry_delay=0, retry_on=(OSError,))
def raise_something_else() -> None:
    raise KeyError("not an OSError")


@task
def clean_up_in_time(seconds: float) -> str:
    try:
        time.sleep(seconds)
    except SoftTimeout as notice:
        return f"cleaned up: {notice}"
    return "was not disturbed"


@task
def ignore_every_signal(path: str) -> None:
    """Tell the process numbers of a child and of this process, and be hard to stop."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(path, "w") as file:
        file.write(f"{os.getpid()} {child.pid}\n")
    while True:
        try:
            time.sleep(600)
        except SoftTimeout:
            pass


@task
def count(path: str, seconds: float = 0.0) -> int:
    """Add a line to a file; how many there are now. It counts how often a task has run."""
    with open(path, "a") as file:
        file.write(f"{current_task().attempt} {os.getpid()}\n")
    time.sleep(seconds)
    with open(path) as file:
        return len(file.readlines())


@task(delivery="at_most_once")
def count_at_most_once(path: str, seconds: float = 0.0) -> int:
    return count(path, seconds)


@task
def wait_for_file(path: str, seconds: float = 60.0) -> str:
    """Run until the test creates a file."""
    deadline_s = time.monotonic() + seconds
    while not os.path.exists(path):
        if time.monotonic() > deadline_s:
            raise TimeoutError(path)
        time.sleep(0.01)
    return "seen"
