"""Our queue: a task that does nothing. BROKER_URL says whether by HTTP or straight to the store."""

from services.broker.client import task


@task
def nothing() -> int:
    return 1


def call() -> None:
    nothing.delay()


def call_and_wait() -> None:
    nothing.delay().get(30)
