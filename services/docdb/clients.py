"""What the server knows of each client: who it is, and how far its login has come."""

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Client:
    """One connection."""

    id: int
    address: str = ""
    metadata: dict[str, object] = field(default_factory=dict)
    users: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Who is logged in here: `database.name`, with roles such as `test.readWrite`."""
    login: object = None
    """A login that has been begun."""
    is_halted: bool = False
    """It waits for data, or has to leave: no request of it is taken."""
