"""Behind a proxy: who the client really is.

A proxy in front (nginx, a load balancer) ends the client's connection and makes one of its own; the
client's address, its scheme and the host it asked for come in header fields. Anybody can send such
fields, so they count only if the connection comes from a proxy that is known:

    application = TrustedProxies(app, ["127.0.0.1", "10.0.0.0/8"])

    client 203.0.113.7 ─▶ 10.0.0.2 ─▶ 10.0.0.1 ─▶ here
    X-Forwarded-For: 198.51.100.1, 203.0.113.7, 10.0.0.2
                     └ the client's own invention  └ read from here to the left, up to the first
                                                     address that is no proxy of ours
# Real: nginx's real_ip module, werkzeug's ProxyFix.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable

from services.web.responses import Environ, StartResponse

_HOST = re.compile(r"[A-Za-z0-9\-._\[\]:]{1,255}")


class TrustedProxies:
    """WSGI middleware that puts client address, scheme and host where they belong.

    `proxies` are addresses or networks. Errors: ValueError for one that is neither.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]], proxies: Iterable[str]) -> None:
        self._application = application
        self._networks = [ipaddress.ip_network(proxy, strict=False) for proxy in proxies]

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if self._is_proxy(environ.get("REMOTE_ADDR", "")):
            self._apply(environ)
        return self._application(environ, start_response)

    def _apply(self, environ: Environ) -> None:
        # The last proxy's word on each of them; what stands in front came from further away.
        scheme = _last(environ, "HTTP_X_FORWARDED_PROTO").lower()
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        host = _last(environ, "HTTP_X_FORWARDED_HOST")
        if _HOST.fullmatch(host):
            environ["HTTP_HOST"] = host
        for address in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
            address = address.strip()
            if not _is_address(address):
                return
            environ["REMOTE_ADDR"] = address
            environ.pop("REMOTE_PORT", None)
            if not self._is_proxy(address):
                return

    def _is_proxy(self, address: str) -> bool:
        if not _is_address(address):
            return False
        parsed = ipaddress.ip_address(address)
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._networks)


def _last(environ: Environ, name: str) -> str:
    return environ.get(name, "").rpartition(",")[2].strip()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
