"""The OpenAPI documents are true: schemathesis makes requests of them, and believes the answers
only as far as the documents say so.

It sends what the documents allow and what they forbid, to every operation. Nothing may be answered
with a 5xx, or with a status, content type, or body that the document does not name. The stack is
always one of our own, because what is made up here (paused queues, schedules) stays behind.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from e2e import stack as stacks
from e2e.stack import ROOT, Stack

MAX_TIME_S = 12

# A task that was made up here may be asked for with /wait, which takes up to a minute.
REQUEST_TIMEOUT_S = 65
EXAMPLES = 6
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stacks.own_local_stack(tmp_path_factory.mktemp("constellation")) as own:
        yield own


def dashboard_headers(url: str) -> dict[str, str]:
    """What a request that changes something must carry."""
    with requests.Session() as browser:
        token = browser.get(f"{url}/api/session", timeout=10).json()["csrf_token"]
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    return {"X-CSRF-Token": token, "Cookie": cookies}


@pytest.mark.parametrize("service", ["broker", "ledger-1", "web"])
def test_answers_are_what_the_document_says(own_stack: Stack, service: str, tmp_path: Path):
    url = own_stack.url(service)
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"]
    command += ["--no-color", "--phases", "coverage,fuzzing", "--checks", ",".join(CHECKS)]
    command += ["--max-examples", str(EXAMPLES), "--max-time", str(MAX_TIME_S), "--no-shrink"]
    command += ["--request-timeout", str(REQUEST_TIMEOUT_S), "--generation-deterministic"]
    command += ["--continue-on-failure", "--warnings", "off"]
    # A stream of events has no end to check.
    command += ["--exclude-path", "/events"]
    if service == "web":
        for name, value in dashboard_headers(url).items():
            command += ["--header", f"{name}:{value}"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=MAX_TIME_S + 2 * REQUEST_TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout
