"""A fixture that starts servers and stops them."""

import pytest

from services.web.tests.serving import WAIT_S, Running


@pytest.fixture
def serve():
    """Start servers; they are stopped when the test ends."""
    started = []

    def start(application, **options):
        running = Running(application, **options)
        started.append(running)
        return running

    yield start
    for running in started:
        if not running.stopped.is_set():
            running.stop(grace_s=0)
            assert running.stopped.wait(WAIT_S)
