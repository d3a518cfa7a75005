"""Replacing a file so that a crash at any moment leaves either the old one or the new one, whole.

    1. write  NAME.PID.tmp   in the same directory (a rename across file systems would copy)
    2. fsync  the file       its content is on the disk before any name points to it
    3. rename over NAME      atomic: a reader sees the old file or the new one
    4. fsync  the directory  the new name itself is on the disk

Without step 2 a power cut can leave the new name on an empty file; without step 4, the old
name on the new disk.
# Real: rdbSave() in Redis, durable_rename() in PostgreSQL.
"""

import os
from collections.abc import Iterable
from pathlib import Path


def replace_file(path: Path, chunks: Iterable[bytes]) -> int:
    """Write `chunks` as the new content of `path`; the size in bytes. Raises OSError.

    After an error the old file is untouched and the temporary one is gone.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            size_bytes = file.tell()
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
    return size_bytes


def remove_stale_temporaries(path: Path) -> None:
    """Delete what a crash in step 1 or 2 left beside `path`."""
    for stale in path.parent.glob(f"{path.name}.*.tmp"):
        stale.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """Bring a directory's entries to the disk, so that a rename or a new file survives."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
