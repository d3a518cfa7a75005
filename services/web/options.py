"""The options that every HTTP service has, beside its own.

They stand apart from `service`, which imports the whole server: `--health` needs the options only.
"""

from services.common.options import Option, network_options, one_of, seconds, whole_number
from services.web.access_log import FORMS


def http_options(port: int, *, max_body_bytes: int = 1024 * 1024) -> list[Option]:
    """The options of an HTTP service that by default listens on `port`."""
    return [
        *network_options(port),
        Option("threads", 8, "requests that run at the same time", whole_number(1, 1000)),
        Option("max-connections", 10_000, "clients connected at the same time", whole_number(1)),
        Option("max-body", max_body_bytes, "bytes of a request's body", whole_number(0)),
        Option("idle-timeout", 30.0, "seconds a client may keep an idle connection", seconds(0.1)),
        Option("access-log", "no", f"a line for each request: {', '.join(FORMS)}", one_of(*FORMS)),
    ]
