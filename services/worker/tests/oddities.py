"""Tasks that misbehave, for the tests of the worker."""

import io
import os
import resource
import signal
import subprocess
import sys
import threading
import time

from services.broker.client import SoftTimeout, current_task, progress, task
from services.worker.samples import echo


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


@task
def leave_a_process_behind(path: str) -> str:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(path, "w") as file:
        file.write(f"{os.getpid()} {child.pid}\n")
    return "left"


@task
def leave_a_session_behind(path: str, seconds: float = 0) -> str:
    """A process in a session of its own, started by another thread than the first."""

    def start() -> None:
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        started.append(subprocess.Popen(command, start_new_session=True).pid)
        time.sleep(600)

    started: list[int] = []
    threading.Thread(target=start, daemon=True).start()
    while not started:
        time.sleep(0.01)
    with open(path, "w") as file:
        file.write(f"{os.getpid()} {started[0]}\n")
    time.sleep(seconds)
    return "left"


@task
def eat_memory_elsewhere(megabytes: int) -> str:
    """In a program that a thread has started."""
    program = f"x = b'x' * {megabytes} * 2**20; import time; time.sleep(600)"
    thread = threading.Thread(target=subprocess.run, args=([sys.executable, "-c", program],))
    thread.start()
    thread.join()
    return "never"


@task
def set_an_alarm() -> str:
    signal.setitimer(signal.ITIMER_REAL, 600)
    return "set"


@task
def see_the_alarm() -> list[float]:
    return list(signal.getitimer(signal.ITIMER_REAL))


@task
def mask_files(mask: int) -> int:
    return os.umask(mask)


@task
def limit_files(files: int) -> str:
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    return "limited"


@task
def return_twice() -> str:
    """Both halves of a fork return from the function."""
    return "the copy" if os.fork() == 0 else "the task"


@task
def close_descriptors(first: int, last: int) -> str:
    os.closerange(first, last)
    return "closed"


@task
def close_descriptors_and_stay(first: int, last: int) -> None:
    os.closerange(first, last)
    time.sleep(600)


@task
def replace_stdout() -> str:
    sys.stdout = io.StringIO()
    return "replaced"


@task
def change_directory(path: str) -> str:
    os.chdir(path)
    return os.getcwd()


@task
def eat_memory(megabytes: int, seconds: float = 600) -> int:
    eaten = []
    for _ in range(megabytes):
        eaten.append(b"x" * 2**20)
    time.sleep(seconds)
    return len(eaten)


_kept: list[bytes] = []


@task
def keep_memory(megabytes: int) -> int:
    """As a task does that fills a cache and never empties it."""
    _kept.append(b"x" * megabytes * 2**20)
    return len(_kept)


@task
def write_to_every_descriptor() -> None:
    """Whatever is open, the connection to the worker among it."""
    for name in os.listdir("/proc/self/fd"):
        try:
            os.write(int(name), b"\x00\x00\x00\x02[]")
        except OSError:
            pass
    time.sleep(600)


@task
def report_progress(steps: int, seconds: float = 0.0) -> str:
    for step in range(1, steps + 1):
        progress(step / steps, f"step {step}")
        if seconds:
            time.sleep(seconds)
    return "done"


@task
def report_and_wait(path: str) -> str:
    progress(0.1, "before")
    progress(0.4, "almost half")
    return wait_for_file(path)


@task
def call_another(value: str) -> list[str]:
    """A task that submits another one, and waits for it."""
    return echo.delay(value).get(60)["args"]


@task
def add(first: int, second: int = 0) -> int:
    return first + second


@task
def add_all(numbers: list[int]) -> int:
    return sum(numbers)
