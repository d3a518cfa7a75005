"""What a command can come to, besides a plain reply."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.pubsub.deliveries import Delivery


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a message: how many of our subscriptions it met, and the deliveries."""

    receiver_count: int
    deliveries: Sequence["Delivery"]


@dataclass(frozen=True, slots=True)
class Last:
    """A reply after which the connection is closed."""

    reply: object


class PubSubError(Exception):
    """A request that cannot be served; the session turns it into its dialect's error reply.

    `code` is the first word of a RESP error (`ERR`, `NOAUTH`, `WRONGPASS`, `NOPROTO`); the
    agreed protocol carries the text alone.
    """

    def __init__(self, text: str, code: str = "ERR"):
        super().__init__(text)
        self.code = code
