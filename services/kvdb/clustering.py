"""CLUSTER: clients that can use a cluster ask whether there is one. There is none.

One server holds all the keys; who needs more of them takes a Redis Cluster, whose clients find
the keys of our commands by the same specifications (COMMAND INFO).
"""

from services.common.resp import ReplyError, Simple
from services.kvdb.clients import Client
from services.kvdb.help_texts import help_reply


def no_cluster(client: Client, request: list[bytes]) -> object:
    raise ReplyError("ERR This instance has cluster support disabled")


def cluster_help(client: Client, request: list[bytes]) -> list[Simple]:
    return help_reply(
        "CLUSTER",
        "INFO, NODES, SLOTS, SHARDS, MYID, KEYSLOT, COUNTKEYSINSLOT, GETKEYSINSLOT",
        "    An error: this server is no part of a cluster.",
    )
