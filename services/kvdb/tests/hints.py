"""What redis-cli shows behind the cursor while one types, made of COMMAND DOCS as it does."""


def hint_of(argument: dict[str, object]) -> str:
    """One argument, as in `[EX seconds|PX milliseconds]`."""
    flags = {str(flag) for flag in argument.get("flags", ())}
    token, inner = argument.get("token", ""), argument.get("arguments", [])
    match argument["type"]:
        case "pure-token":
            shown = ""
        case "oneof":
            shown = "|".join(map(hint_of, inner))
        case "block":
            shown = " ".join(map(hint_of, inner))
        case _:
            shown = str(argument["name"])
    token = f"{token} " if token and shown else str(token)
    hint = token + shown
    if "multiple" in flags:
        again = (token if "multiple_token" in flags else "") + shown
        hint = f"{hint} [{again} ...]"
    return f"[{hint}]" if "optional" in flags else hint


def as_map(reply: object) -> object:
    """The reply in RESP3, its names and texts as str."""
    match reply:
        case dict():
            return {as_map(key): as_map(value) for key, value in reply.items()}
        case list() | set():
            return [as_map(item) for item in reply]
        case bytes():
            return reply.decode()
    return reply


def hints_of(docs: dict[str, dict]) -> dict[str, str]:
    """The hints of all commands and subcommands in a reply of COMMAND DOCS."""
    found: dict[str, str] = {}
    for name, doc in docs.items():
        found[name] = " ".join(map(hint_of, doc.get("arguments", [])))
        found |= hints_of(doc.get("subcommands", {}))
    return found
