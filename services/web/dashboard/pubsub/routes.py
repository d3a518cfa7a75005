"""The page of pubsub and its API.

    POST /api/pubsub/messages    {"channel": "news", "message": "hello"}: PUBLISH
    GET  /api/pubsub/channels    who is listening where: PUBSUB CHANNELS, NUMSUB and NUMPAT

Listening is a topic of the stream: `channel:news`, `pattern:news.*` (see `subscriptions`).
"""

from __future__ import annotations

from typing import TypedDict

from services.common.redis_url import RedisURL
from services.common.resp import ReplyError
from services.common.resp_client import RespPool
from services.web.dashboard.fields import json_object, text_field, utf8
from services.web.dashboard.live import Poll
from services.web.dashboard.pubsub.subscriptions import MAX_NAME_BYTES, Subscriptions
from services.web.dashboard.shell import Dashboard
from services.web.dashboard.vital_signs import VitalSigns, from_info, parse_info, whole_number
from services.web.errors import HTTPError
from services.web.openapi import documented
from services.web.requests import Request
from services.web.routing import Router

_TIMEOUT_S = 2.0
_STATISTICS_INTERVAL_S = 2.0
_MAX_LISTED = 100


class Channel(TypedDict):
    """A channel that somebody is subscribed to."""

    channel: str
    subscribers: int


class Channels(TypedDict):
    """The first channels by name, and how many there are."""

    channels: list[Channel]
    channels_total: int
    patterns_total: int


class Publication(TypedDict):
    """A message, and where it is to go."""

    channel: str
    message: str


class Reached(TypedDict):
    """How many subscribers a message has reached."""

    receivers: int


def install(dashboard: Dashboard) -> None:
    """Add the API, the topics `pubsub`, `channel:…` and `pattern:…`, and the probe of pubsub."""
    url = dashboard.settings.pubsub_url
    exchange = Exchange(url)
    subscriptions = Subscriptions(url, dashboard.log)
    dashboard.on_stop(subscriptions.close)
    dashboard.on_stop(exchange.close)
    dashboard.add_probe("pubsub", "pubsub", url.address, lambda: [exchange.vital_signs()])
    dashboard.add_poll(
        Poll("pubsub", exchange.statistics, dashboard.log, interval_s=_STATISTICS_INTERVAL_S)
    )
    for kind in ("channel", "pattern"):
        dashboard.add_topic_family(kind, subscriptions.topic)
    dashboard.add_routes(_routes(exchange))


def _routes(exchange: Exchange) -> Router:
    router = Router()

    @router.get("/api/pubsub/channels")
    @documented(result=Channels)
    def pubsub_channels(request: Request) -> dict[str, object]:
        """The channels that somebody is subscribed to."""
        return exchange.channels()

    @router.post("/api/pubsub/messages")
    @documented(body=Publication, result=Reached)
    def publish_message(request: Request) -> dict[str, object]:
        """Publish a message; `receivers` is how many it reached."""
        body = json_object(request)
        channel, message = text_field(body, "channel"), text_field(body, "message")
        if not 0 < len(utf8(channel)) <= MAX_NAME_BYTES:
            raise HTTPError(400, f"a channel's name has 1 to {MAX_NAME_BYTES} bytes")
        return {"receivers": exchange.publish(utf8(channel), utf8(message))}

    return router


class Exchange:
    """The commands behind the routes; each method may be called by any thread."""

    def __init__(self, url: RedisURL) -> None:
        self._url = url
        self._pool = RespPool(url, timeout_s=_TIMEOUT_S)

    def close(self) -> None:
        self._pool.close()

    def publish(self, channel: bytes, message: bytes) -> int:
        with self._pool.connection() as connection:
            return connection.execute("PUBLISH", channel, message)

    def channels(self) -> dict[str, object]:
        """The first hundred by name, each with its number of subscribers."""
        with self._pool.connection() as connection:
            names = sorted(connection.execute("PUBSUB", "CHANNELS"))
            shown = names[:_MAX_LISTED]
            counts = connection.execute("PUBSUB", "NUMSUB", *shown)
            patterns = connection.execute("PUBSUB", "NUMPAT")
        return {
            "channels": [
                {"channel": name.decode("utf-8", "backslashreplace"), "subscribers": count}
                for name, count in zip(counts[::2], counts[1::2], strict=True)
            ],
            "channels_total": len(names),
            "patterns_total": patterns,
        }

    def vital_signs(self) -> VitalSigns:
        return from_info("pubsub", self._info(), address=self._url.address)

    def statistics(self) -> dict[str, object]:
        """The figures beside the messages, or the reason why there are none."""
        try:
            info = self._info()
            return {
                **self.channels(),
                "clients": whole_number(info.get("connected_clients")),
                "messages_in": whole_number(info.get("messages_in")),
                "messages_out": whole_number(info.get("messages_out")),
            }
        except (ConnectionError, ReplyError) as error:
            return {"error": str(error)}

    def _info(self) -> dict[str, str]:
        with self._pool.connection() as connection:
            return parse_info(connection.execute("INFO"))
