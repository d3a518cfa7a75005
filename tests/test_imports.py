"""What the services may import: the standard library without its ready-made answers, and each
other in the directions of the design. Read from the syntax trees, so nothing has to run."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# The challenges are about building these.
FORBIDDEN = {"sqlite3", "dbm", "shelve", "http.server", "wsgiref", "xmlrpc", "pickle"}
# The files that run the constellation, beside the packages of the services.
HOUSEHOLD = {"__init__", "__main__", "constellation", "supervisor", "state_file"}
# These serve HTTP with the framework and the server of web; none of them knows its dashboard.
ON_THE_FRAMEWORK = {"broker", "ledger"}


@dataclass(frozen=True)
class Import:
    """One imported name; `from a import b` counts as a.b, which may be a module or not."""

    module: str
    line: int


def source_files() -> list[Path]:
    paths = sorted((ROOT / "services").rglob("*.py"))
    return [path.relative_to(ROOT) for path in paths if "tests" not in path.parts]


def imports_of(path: Path, source: str) -> Iterator[Import]:
    package = list(path.with_suffix("").parts[:-1])
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (Import(f"{base}.{alias.name}", node.lineno) for alias in node.names)


def is_under(module: str, parents: set[str]) -> bool:
    return any(module == parent or module.startswith(f"{parent}.") for parent in parents)


def is_foreign(module: str) -> bool:
    top = module.partition(".")[0]
    return top != "services" and top not in sys.stdlib_module_names


def may_import(importer: str, module: str) -> bool:
    """Whether `services.IMPORTER…` may import `module`, which stands under services too.

    `importer` and the owner of `module` are the first names behind `services.`.
    """
    owner, _, inside = module.removeprefix("services").lstrip(".").partition(".")
    if owner in (importer, "common", ""):
        return True
    if importer in HOUSEHOLD:
        return owner in HOUSEHOLD
    if importer == "common" or owner in HOUSEHOLD:
        return False
    if is_under(inside, {"client"}):
        return True
    return importer in ON_THE_FRAMEWORK and owner == "web" and not is_under(inside, {"dashboard"})


def complaints(path: Path, source: str) -> list[str]:
    importer = path.with_suffix("").parts[1]
    found = []
    for name in imports_of(path, source):
        if is_foreign(name.module):
            reason = "is not of the standard library"
        elif is_under(name.module, FORBIDDEN):
            reason = "is what we build ourselves"
        elif is_under(name.module, {"services"}) and not may_import(importer, name.module):
            reason = "is against the directions of the design"
        else:
            continue
        found.append(f"{path}:{name.line}: {name.module} {reason}")
    return found


@pytest.mark.parametrize("path", source_files(), ids=str)
def test_a_file_imports_what_it_may(path: Path) -> None:
    assert complaints(path, (ROOT / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("services/kvdb/store.py", "import redis"),
        ("services/kvdb/store.py", "def late():\n    from numpy.linalg import norm"),
        ("services/docdb/store.py", "import dbm.gnu"),
        ("services/web/server.py", "from http import server"),
        ("services/web/server.py", "from wsgiref.simple_server import make_server"),
        ("services/common/resp.py", "from services.kvdb import client"),
        ("services/common/resp.py", "from ..kvdb.store import Store"),
        ("services/ledger/node.py", "from services.kvdb.store import Store"),
        ("services/ledger/node.py", "from services.web.dashboard import pages"),
        ("services/pubsub/server.py", "from services.web.server import Server"),
        ("services/web/application.py", "from services.constellation import CONSTELLATION"),
        ("services/supervisor.py", "from services.kvdb import client"),
    ],
)
def test_a_wrong_import_is_found(path: str, source: str) -> None:
    assert len(complaints(Path(path), source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("services/kvdb/store.py", "import http.client, heapq\nfrom collections import deque"),
        ("services/kvdb/store.py", "from . import expiry\nfrom .expiry import due"),
        ("services/kvdb/store.py", "from services.common.resp import RespDecoder"),
        ("services/ledger/node.py", "from services.kvdb.client import KVClient"),
        ("services/ledger/node.py", "from services.web import Application"),
        ("services/broker/api.py", "from services.web.server import Server"),
        ("services/supervisor.py", "from services import state_file"),
    ],
)
def test_a_right_import_passes(path: str, source: str) -> None:
    assert complaints(Path(path), source) == []
