"""The snapshot: the ledger in one file, so that a restart reads only the rest of the list.

    line 1      {"format": …, "index": …, "list_digest": …, "anchors": […]}    what it stands for
    line 2      [0, 5, 12, …]                       the message that made each round
    line 3 …    ["ada", [1, 4, 9], [1000, 960, 971]]           one account: rounds and balances
    last line   SHA-256 of all lines above, in hexadecimal

The balances are the last of each account, so the history is all there is to save. The file is
replaced as a whole (`common.atomic_file`), and its checksum tells whether it is as it was
written. Whether it still belongs to the list is another question, answered by `follower`.
A snapshot that cannot be used costs time and nothing else: the list has everything.
# Real: a snapshot in Raft, whose lastIncludedIndex and lastIncludedTerm are our index and
# digest; the dumptxoutset file of Bitcoin Core; catchpoint files of Algorand.
"""

import hashlib
import json
from array import array
from collections.abc import Iterator
from pathlib import Path

from services.common.atomic_file import remove_stale_temporaries, replace_file
from services.ledger.history import AccountHistory, History
from services.ledger.ledger import Ledger
from services.ledger.list_digest import Anchor, ListDigest

FORMAT = "hipochain-1"
FILE_NAME = "ledger.snapshot"


class SnapshotError(Exception):
    """The file is there and cannot be used."""


class SnapshotFile:
    """The snapshot of one node, in its data directory."""

    def __init__(self, data_dir: Path):
        """Creates the directory where it is missing. Raises OSError."""
        self.path = data_dir / FILE_NAME
        data_dir.mkdir(parents=True, exist_ok=True)
        remove_stale_temporaries(self.path)

    def save(self, ledger: Ledger) -> int:
        """Write the ledger; the size in bytes. Raises OSError, and then the old file stays."""
        return replace_file(self.path, _with_checksum(_lines(ledger)))

    def load(self) -> Ledger | None:
        """The ledger that was saved; None where there is no file. Raises SnapshotError."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SnapshotError(error.strerror) from error
        return parse(content)


def parse(content: bytes) -> Ledger:
    """The ledger of a snapshot's content. Raises SnapshotError."""
    body, _, checksum = content.rstrip(b"\n").rpartition(b"\n")
    if hashlib.sha256(body + b"\n").hexdigest().encode() != checksum:
        raise SnapshotError("the checksum is wrong")
    header, rounds, *accounts = body.split(b"\n")
    fields = json.loads(header)
    if fields.get("format") != FORMAT:
        raise SnapshotError("it is of another version")
    history = History()
    history.message_indexes = array("q", json.loads(rounds))
    for account in accounts:
        name, changed_at, balances = json.loads(account)
        history.accounts[name] = AccountHistory(array("q", changed_at), balances)
    older, newer = (_anchor(*anchor) for anchor in fields["anchors"])
    head = _anchor(fields["index"], fields["list_digest"])
    return Ledger(history, ListDigest(head, (older, newer)))


def _anchor(index: int, digest: str) -> Anchor:
    return Anchor(index, bytes.fromhex(digest))


def _lines(ledger: Ledger) -> Iterator[bytes]:
    yield _line(
        {
            "format": FORMAT,
            "index": ledger.index,
            "list_digest": ledger.list_digest.digest.hex(),
            "anchors": [[index, digest.hex()] for index, digest in ledger.list_digest.anchors],
        }
    )
    yield _line(ledger.history.message_indexes.tolist())
    for account, history in ledger.history.items():
        yield _line([account, history.rounds.tolist(), history.balances])


def _line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _with_checksum(lines: Iterator[bytes]) -> Iterator[bytes]:
    checksum = hashlib.sha256()
    for line in lines:
        checksum.update(line)
        yield line
    yield checksum.hexdigest().encode() + b"\n"
