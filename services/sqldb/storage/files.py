"""The files of a data directory, and their names.

DATA_DIR/
  sqldb.7.checkpoint   everything as it was when log 7 was begun
  sqldb.7.wal          the commits since then …
  sqldb.8.wal          … and those since a newer checkpoint was begun, while it isn't finished
  sqldb.lock           held while a process uses the directory
"""

import fcntl
import re
from pathlib import Path
from typing import BinaryIO

SPILL_PREFIX = "sqldb-spill-"
LEFTOVERS = ("*.new", f"{SPILL_PREFIX}*")
"""What a process may leave that was killed. Temporary files of queries have a name but for a
moment, and on most systems none."""
_NAME = re.compile(r"sqldb\.(\d+)\.(checkpoint|wal)")


class StartError(Exception):
    """The data directory cannot be used; the text is one line for the operator."""


def path_of(directory: Path, generation: int, kind: str) -> Path:
    return directory / f"sqldb.{generation}.{kind}"


def files_in(directory: Path) -> list[tuple[int, str, Path]]:
    """Generation, kind and path of each file, in order."""
    found = []
    for path in directory.iterdir():
        match = _NAME.fullmatch(path.name)
        if match:
            found.append((int(match[1]), match[2], path))
    return sorted(found)


def hold_directory(directory: Path) -> BinaryIO:
    """Make it, and keep other processes from it until the file is closed. Raises StartError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock_file = open(directory / "sqldb.lock", "ab")  # noqa: SIM115 (open as long as it is held)
    except OSError as error:
        raise StartError(f"cannot use {directory}: {error.strerror}") from error
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock_file.close()
        raise StartError(f"{directory} is in use by another process") from None
    for pattern in LEFTOVERS:
        for leftover in directory.glob(pattern):
            leftover.unlink()
    return lock_file
