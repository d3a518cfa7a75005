"""Log lines on stderr: time, level, service, message, then `key=value` fields.

    2026-11-23T09:30:00.125Z INFO kvdb snapshot saved keys=1204 seconds=0.031

A message is a fixed text, and what varies goes into fields, so that lines can be searched
and counted. Built on the standard library's `logging`, which does the locking; this module
only adds the fields and the form.
"""

import json
import logging
import re
import sys
import time

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}

_PLAIN = re.compile(r"[^\s\"=\x00-\x1f\x7f]+")


class Log:
    """Writes the log lines of one service; fields are keyword arguments."""

    def __init__(self, service: str):
        self._logger = logging.getLogger(f"services.{service}")

    def debug(self, message: str, **fields: object) -> None:
        if self._logger.isEnabledFor(logging.DEBUG):
            self._logger.debug(_with_fields(message, fields))

    def info(self, message: str, **fields: object) -> None:
        self._logger.info(_with_fields(message, fields))

    def warning(self, message: str, **fields: object) -> None:
        self._logger.warning(_with_fields(message, fields))

    def error(self, message: str, **fields: object) -> None:
        self._logger.error(_with_fields(message, fields))

    def exception(self, message: str, **fields: object) -> None:
        """An error with the traceback of the exception that is being handled."""
        self._logger.error(_with_fields(message, fields), exc_info=True)


def configure(service: str, level: str = "info") -> Log:
    """Send this process's log lines to stderr under `service`; called once, by `__main__`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LineFormatter(service))
    root = logging.getLogger("services")
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    root.propagate = False
    return Log(service)


def _with_fields(message: str, fields: dict[str, object]) -> str:
    return " ".join([message, *(f"{name}={_quoted(value)}" for name, value in fields.items())])


def _quoted(value: object) -> str:
    """The value as one word; quoted as JSON where it holds spaces, quotes or control characters.

    What a client sent can never start a log line of its own.
    """
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


class _LineFormatter(logging.Formatter):
    """`time LEVEL service message`, UTC with milliseconds."""

    def __init__(self, service: str):
        super().__init__(f"%(asctime)s.%(msecs)03dZ %(levelname)s {service} %(message)s")
        self.datefmt = "%Y-%m-%dT%H:%M:%S"
        self.converter = time.gmtime
