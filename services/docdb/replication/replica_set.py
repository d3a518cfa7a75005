"""The replica set as clients see it: one member, which is the primary, and always has been.

What hello says of it makes a driver treat the server as a replica set; what each reply carries
lets it keep causal order between servers, of which there is one.
"""

import platform

from services.docdb.bson.types import Binary, Date, Document, Int64, ObjectId, Timestamp
from services.docdb.replication.clock import ClusterClock
from services.docdb.settings import Settings

TERM = Int64(1)
SET_VERSION = 1
ELECTION_ID = ObjectId(b"\x7f\xff\xff\xff" + bytes(7) + b"\x01")
_NO_SIGNATURE = {"hash": Binary(bytes(20)), "keyId": Int64(0)}
_OP_TIMES = ("lastCommittedOpTime", "appliedOpTime", "durableOpTime")


class ReplicaSet:
    """A set of one."""

    def __init__(self, settings: Settings, clock: ClusterClock, address: str):
        self.name = settings.replset
        self.clock = clock
        self._settings = settings
        self._address = address

    @property
    def member(self) -> str:
        """The address by which clients reach the only member.

        One that listens everywhere is nowhere in particular, and goes by the machine's name.
        """
        host, _, port = self._address.rpartition(":")
        if host in ("0.0.0.0", "::", "[::]"):  # noqa: S104 (compared, not bound)
            host = platform.node()
        return self._settings.replset_host or f"{host}:{port}"

    @property
    def op_time(self) -> Document:
        return {"ts": self.clock.last, "t": TERM}

    def hello(self) -> Document:
        """What hello says beside what it says of a standalone server."""
        written = Date(self.clock.last.time * 1000)
        return {
            "setName": self.name,
            "setVersion": SET_VERSION,
            "secondary": False,
            "hosts": [self.member],
            "primary": self.member,
            "me": self.member,
            "electionId": ELECTION_ID,
            "lastWrite": {
                "opTime": self.op_time,
                "lastWriteDate": written,
                "majorityOpTime": self.op_time,
                "majorityWriteDate": written,
            },
        }

    def times(self) -> Document:
        """What every reply carries."""
        now: Timestamp = self.clock.last
        return {
            "$clusterTime": {"clusterTime": now, "signature": _NO_SIGNATURE},
            "operationTime": now,
        }

    def status(self, now: Date, uptime_s: int) -> Document:
        """replSetGetStatus."""
        member = {
            "_id": 0,
            "name": self.member,
            "health": 1.0,
            "state": 1,
            "stateStr": "PRIMARY",
            "uptime": uptime_s,
            "optime": self.op_time,
            "optimeDate": Date(self.clock.last.time * 1000),
            "electionTime": Timestamp(0, 1),
            "configVersion": SET_VERSION,
            "self": True,
        }
        return {
            "set": self.name,
            "date": now,
            "myState": 1,
            "term": TERM,
            "heartbeatIntervalMillis": Int64(2000),
            "majorityVoteCount": 1,
            "writeMajorityCount": 1,
            "votingMembersCount": 1,
            "optimes": dict.fromkeys(_OP_TIMES, self.op_time),
            "members": [member],
        }

    def config(self) -> Document:
        """replSetGetConfig."""
        member = {"_id": 0, "host": self.member, "arbiterOnly": False, "hidden": False,
                  "priority": 1.0, "votes": 1}  # fmt: skip
        return {
            "_id": self.name,
            "version": SET_VERSION,
            "term": TERM,
            "members": [member],
            "protocolVersion": Int64(1),
            "writeConcernMajorityJournalDefault": False,
        }
