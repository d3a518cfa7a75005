"""FUNCTION: the libraries of server-side functions, of which this server has none yet.

Scripting is to come (EVAL, FUNCTION LOAD, FCALL). Until then there is nothing to list and
nothing to flush, and clients that clean up before they begin are told so.
"""

from services.common.resp import OK, ReplyError, Simple
from services.kvdb.clients import Client
from services.kvdb.help_texts import help_reply


def function_flush(client: Client, request: list[bytes]) -> object:
    if len(request) > 3 or (len(request) == 3 and request[2].upper() not in (b"SYNC", b"ASYNC")):
        raise ReplyError("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
    return OK


def function_list(client: Client, request: list[bytes]) -> list:
    return []


def function_help(client: Client, request: list[bytes]) -> list[Simple]:
    return help_reply(
        "FUNCTION",
        "FLUSH [ASYNC|SYNC]",
        "    Remove all libraries, of which there are none.",
        "LIST [LIBRARYNAME <pattern>] [WITHCODE]",
        "    The libraries: none, as there are no functions yet.",
    )
