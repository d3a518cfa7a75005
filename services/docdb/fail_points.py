"""Fail points: errors on request, so that the tests of drivers can see how drivers take them.

    {configureFailPoint: "failCommand", mode: {times: 1},
     data: {failCommands: ["insert"], errorCode: 10107}}

They are there with `--test-commands yes` alone. `mode` says how often a point strikes: "off",
"alwaysOn", {times: n}, {skip: n}. What it does: hold the command for a while (blockConnection),
close the connection, answer with an error, or run the command and add a writeConcernError.
# Real: FailPoint; enableTestCommands=1.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from services.docdb.bson.types import Document
from services.docdb.clients import Client
from services.docdb.command import Pending
from services.docdb.error_labels import cursor_labels
from services.docdb.errors import MongoError, failed_to_parse

FAIL_COMMAND = "failCommand"
TRANSACTIONAL_WRITE = "onPrimaryTransactionalWrite"
GET_MORE = "failGetMoreAfterCursorCheckout"
ALWAYS_TIME_OUT = "maxTimeAlwaysTimeOut"
KNOWN = frozenset({FAIL_COMMAND, TRANSACTIONAL_WRITE, GET_MORE, ALWAYS_TIME_OUT,
                   "maxTimeNeverTimeOut"})  # fmt: skip


class ConnectionClosed(Exception):
    """There shall be no answer, and no connection any more."""


@dataclass(slots=True)
class FailPoint:
    """One point that is on."""

    name: str
    data: Document
    left: int | None = None
    """How often it will still strike; None is always."""
    to_skip: int = 0
    entered: int = 0

    def use(self) -> bool:
        """Whether it strikes this time."""
        if self.to_skip:
            self.to_skip -= 1
            return False
        if self.left is not None:
            if not self.left:
                return False
            self.left -= 1
        self.entered += 1
        return True

    @property
    def block_s(self) -> float:
        blocks = self.data.get("blockConnection")
        return self.data.get("blockTimeMS", 0) / 1000 if blocks else 0.0

    def strike(self) -> None:
        """Before the command runs. Raises MongoError or ConnectionClosed."""
        data = self.data
        if data.get("closeConnection"):
            raise ConnectionClosed
        code = data.get("errorCode")
        if code is not None:
            labels = data.get("errorLabels")
            if labels is None and self.name == GET_MORE:
                labels = cursor_labels(int(code))
            raise MongoError(
                int(code),
                f"Failing command via '{self.name}' failpoint",
                labels=tuple(labels or ()),
                has_final_labels=labels is not None,
            )

    def finish(self, reply: Document) -> None:
        """After the command has run."""
        concern = self.data.get("writeConcernError")
        if type(concern) is dict:
            concern = dict(concern)
            labels = concern.pop("errorLabels", None) or self.data.get("errorLabels")
            reply["writeConcernError"] = concern
            if labels is not None:
                reply["errorLabels"] = labels


@dataclass(slots=True)
class FailPoints:
    """The points of a server; none of them is on unless a test says so."""

    points: dict[str, FailPoint] = field(default_factory=dict)

    def configure(self, name: str, mode: object, data: Document) -> int:
        """Set a point; how often it had struck before. Raises MongoError."""
        if name not in KNOWN:
            raise MongoError(213, f"Cannot configure fail point '{name}': it is not known")
        before = self.points.pop(name, None)
        point = FailPoint(name, {"errorCode": 50} if name == ALWAYS_TIME_OUT else data)
        if type(mode) is dict:
            for key, value in mode.items():
                if not isinstance(value, int | float):
                    raise failed_to_parse(f"'{key}' has to be a number")
            if "times" in mode:
                point.left = int(mode["times"])
            elif "skip" in mode:
                point.to_skip = int(mode["skip"])
            elif "activationProbability" not in mode:
                raise failed_to_parse(f"unknown mode of a fail point: {mode}")
        elif mode not in ("off", "alwaysOn"):
            raise failed_to_parse(f"unknown mode of a fail point: {mode}")
        if mode != "off":
            self.points[name] = point
        return before.entered if before else 0

    def take(self, command: str, client: Client, body: Document) -> FailPoint | None:
        """The point that strikes a command now."""
        for point in self.points.values():
            if self._concerns(point, command, client, body) and point.use():
                return point
        return None

    def write(self, run: Callable[[], Document | Pending], count: int) -> Document | Pending:
        """Run a retryable write of so many statements, as `onPrimaryTransactionalWrite` says:
        not at all or to its end, and then the connection is gone. Raises ConnectionClosed.
        """
        point = self.points.get(TRANSACTIONAL_WRITE)
        if point is None or not any(point.use() for _ in range(count)):
            return run()
        if "failBeforeCommitExceptionCode" not in point.data:
            run()
        raise ConnectionClosed

    def _concerns(self, point: FailPoint, command: str, client: Client, body: Document) -> bool:
        match point.name:
            case "failCommand":
                # Drivers write `ismaster` as well.
                names = [name.lower() for name in point.data.get("failCommands", [])]
                return (
                    command.lower() in names
                    and command != "configureFailPoint"
                    and point.data.get("appName") in (None, client.application)
                    and point.data.get("namespace") in (None, f"{body['$db']}.{body[command]}")
                )
            case "failGetMoreAfterCursorCheckout":
                return command == "getMore"
            case "maxTimeAlwaysTimeOut":
                return bool(body.get("maxTimeMS"))
        return False
