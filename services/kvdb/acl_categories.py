"""The categories of commands, such as `@read` and `@dangerous`, that ACL rules name.

A command is in the category of its group in the command table (`hash`, `set` …), and in what
follows from its flags: `@read` or `@write`, `@fast` or `@slow`, `@admin`, `@blocking`, `@pubsub`,
`@dangerous`. A few stand in the table with categories of their own (`@connection`), which then
count instead of the group's. The entry of a family (CLIENT, CONFIG) does nothing by itself, so it
is in none of a group.
# Real: setImplicitACLCategories() and ACLCommandCategories in Redis.
"""

CATEGORIES = (
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
)
"""In the order in which they are listed, and tried when a user is described."""

_OF_GROUP = {
    "generic": "keyspace",
    "sorted-set": "sortedset",
    "transactions": "transaction",
    "server": "",
    "pubsub": "",
}
_OF_FLAG = {
    "write": ("write",),
    "readonly": ("read",),
    "admin": ("admin", "dangerous"),
    "dangerous": ("dangerous",),
    "pubsub": ("pubsub",),
    "fast": ("fast",),
    "blocking": ("blocking",),
}


def categories_of(group: str, flags: frozenset[str], *, is_family: bool) -> frozenset[str]:
    """The categories of a command, without the `@`."""
    own = {flag[1:] for flag in flags if flag.startswith("@")}
    found = own or (set() if is_family else {_OF_GROUP.get(group, group)} - {""})
    for flag in flags:
        found.update(_OF_FLAG.get(flag, ()))
    if "scripting" in found:
        found.discard("read")  # Who may only read may not therefore run scripts.
    if "fast" not in found:
        found.add("slow")
    return frozenset(found)
