"""Fixtures of the ledger's tests."""

import logging
from collections.abc import Iterator

import pytest


class _Lines(logging.Handler):
    """Keeps the log lines, tracebacks included."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    """What the services log in this process, wherever else it goes."""
    handler, logger = _Lines(), logging.getLogger("services")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.lines
    logger.setLevel(level)
    logger.removeHandler(handler)
