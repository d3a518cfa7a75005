"""`--health` of an HTTP service: asks the running one at `/healthz`."""

import argparse

from services.common.health_check import TIMEOUT_S, address_to_call, not_well, well
from services.web.client import HTTPClient, HTTPClientError


def check_health(options: argparse.Namespace) -> int:
    """Ask the running service whether it serves; the exit status."""
    host = address_to_call(options.host)
    authority = f"[{host}]:{options.port}" if ":" in host else f"{host}:{options.port}"
    try:
        with HTTPClient(f"http://{authority}", timeout_s=TIMEOUT_S) as client:
            report = client.get("/healthz").check().json()
    except HTTPClientError as error:
        return not_well(options.service, error)
    match report:
        case {"status": str(status), "problems": dict(problems)}:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in problems.items())
            return well(options.service, status, reasons)
    return not_well(options.service, f"something else answers at {authority}")
