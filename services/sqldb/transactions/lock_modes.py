"""The eight modes of a table lock, and which exclude each other.

                              AS  RS  RX SUX  S  SRX  X  AX
    ACCESS SHARE              ·   ·   ·   ·   ·   ·   ·   ✗    SELECT
    ROW SHARE                 ·   ·   ·   ·   ·   ·   ✗   ✗    SELECT FOR UPDATE
    ROW EXCLUSIVE             ·   ·   ·   ·   ✗   ✗   ✗   ✗    INSERT, UPDATE, DELETE
    SHARE UPDATE EXCLUSIVE    ·   ·   ·   ✗   ✗   ✗   ✗   ✗    VACUUM, ANALYZE
    SHARE                     ·   ·   ✗   ✗   ·   ✗   ✗   ✗    CREATE INDEX
    SHARE ROW EXCLUSIVE       ·   ·   ✗   ✗   ✗   ✗   ✗   ✗    ALTER TABLE ADD FOREIGN KEY
    EXCLUSIVE                 ·   ✗   ✗   ✗   ✗   ✗   ✗   ✗
    ACCESS EXCLUSIVE          ✗   ✗   ✗   ✗   ✗   ✗   ✗   ✗    DROP, TRUNCATE, most ALTER TABLE

# Source: PostgreSQL 15, table 13.2. # Real: LockConflicts in lock.c
"""

from enum import IntEnum


class LockMode(IntEnum):
    """The names in pg_locks are those of `title`."""

    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    @property
    def title(self) -> str:
        """AccessShareLock."""
        return self.name.title().replace("_", "") + "Lock"


EXCLUDED_FROM = {
    LockMode.ACCESS_SHARE: (8,),
    LockMode.ROW_SHARE: (7, 8),
    LockMode.ROW_EXCLUSIVE: (5, 6, 7, 8),
    LockMode.SHARE_UPDATE_EXCLUSIVE: (4, 5, 6, 7, 8),
    LockMode.SHARE: (3, 4, 6, 7, 8),
    LockMode.SHARE_ROW_EXCLUSIVE: (3, 4, 5, 6, 7, 8),
    LockMode.EXCLUSIVE: (2, 3, 4, 5, 6, 7, 8),
    LockMode.ACCESS_EXCLUSIVE: (1, 2, 3, 4, 5, 6, 7, 8),
}

CONFLICTS: tuple[int, ...] = (
    0,
    *(sum(1 << other for other in EXCLUDED_FROM[mode]) for mode in LockMode),
)
"""By mode: the bits of the modes that exclude it."""
