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
    waits_for: dict[str, object] | None = None
    """The command of which the answer is still to come."""
    waits_since_s: float = 0.0
    is_killed: bool = False
    """Somebody wants an end of that."""

    def learn(self, body: dict[str, object]) -> None:
        """What a client says of itself in its first hello."""
        if type(body.get("client")) is dict:
            self.metadata = body["client"]

    @property
    def application(self) -> object:
        """The name by which the program of the client goes, if it has said one."""
        application = self.metadata.get("application")
        return application.get("name") if type(application) is dict else None
