"""The constellation: which services run together, who needs whom, and what each is told.

One table, read by `python3 -m services`, which starts it as local processes. `compose.yaml`
says the same to Docker; a test holds the two together.

        kvdb ◄────────┬──────────┬────────────┐
                      │          │            │
        pubsub ◄──── broker    worker ×2    ledger-1 ledger-2 ledger-3
                      ▲                       ▲
                      └───────── web ─────────┘        (web reads kvdb and pubsub too)

docdb and sqldb stand for themselves: programs of people use them, and of ours only the pages of
`web` ask them.

Every setting reaches a service through its environment, so a process and a container are
told the same in the same words:

- its own options: `KVDB_HOST`, `KVDB_PORT`, `KVDB_DATA_DIR`, `LEDGER_NAME`;
- the addresses of the services that it talks to: `KVDB_URL`, `LEDGER_URLS`. Where the
  environment already names one, that stands: `KVDB_URL=redis://…` puts a real Redis in
  the place of kvdb, for everybody who uses it.

The port at which a person reaches a service has the service's name, `LEDGER_2_PORT`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Service:
    """One entry of the constellation; in Compose, the service of the same name."""

    name: str
    package: str
    """The program is `python3 -m services.PACKAGE`, its options are `PACKAGE_OPTION`."""
    port: int | None
    """None: nobody connects to it."""
    more_ports: tuple[tuple[str, int], ...] = ()
    """Where it speaks another protocol, too: the option that says so, and the port."""
    needs: tuple[str, ...] = ()
    """It starts when these are ready, and stops before them."""
    reads: tuple[str, ...] = ()
    """The address variables that it is given, from `ADDRESSES`."""
    has_name: bool = False
    """It is one of several of its package, and is told which one."""
    keeps_data: bool = False
    replicas: int = 1
    settings: tuple[tuple[str, str], ...] = ()
    """Options that differ here from the program's defaults; the environment may say otherwise."""

    @property
    def port_variable(self) -> str:
        """Where a person says at which port to reach it: `KVDB_PORT`, `LEDGER_2_PORT`."""
        return f"{self.name}_PORT".upper().replace("-", "_")

    @property
    def port_variables(self) -> list[str]:
        """The same for all of its ports; none where nobody connects to it."""
        if self.port is None:
            return []
        more = (self.option_variable(option) for option, _ in self.more_ports)
        return [self.port_variable, *more]

    def option_variable(self, option: str) -> str:
        """The environment name of an option: `port` of ledger-2 is `LEDGER_PORT`."""
        return f"{self.package}_{option}".upper().replace("-", "_")


@dataclass(frozen=True, slots=True)
class Address:
    """An address variable: one URL for each service that it names, separated by commas."""

    variable: str
    url: str
    services: tuple[str, ...]


LEDGERS = ("ledger-1", "ledger-2", "ledger-3")

ADDRESSES = (
    Address("KVDB_URL", "redis://{}/0", ("kvdb",)),
    Address("PUBSUB_URL", "redis://{}", ("pubsub",)),
    Address("DOCDB_URL", "mongodb://{}", ("docdb",)),
    Address("SQLDB_URL", "postgresql://{}", ("sqldb",)),
    Address("BROKER_URL", "http://{}", ("broker",)),
    Address("LEDGER_URLS", "http://{}", LEDGERS),
)

_STORE = ("kvdb", "pubsub")
_STORE_URLS = ("KVDB_URL", "PUBSUB_URL")


def _ledger(name: str, port: int) -> Service:
    return Service(
        name, "ledger", port, needs=_STORE, reads=_STORE_URLS, has_name=True, keeps_data=True
    )


# In the order of starting: a service stands below all that it needs.
CONSTELLATION = (
    # Tasks and ledger live in kvdb: what a crash may cost them is one interval.
    Service(
        "kvdb",
        "kvdb",
        4242,
        more_ports=(("memcached-port", 11211),),
        keeps_data=True,
        # Tasks and ledger are no cache: only keys that expire may go, then writes are refused.
        settings=(
            ("maxmemory-mb", "256"),
            ("maxmemory-policy", "volatile-lru"),
            ("snapshot-interval-s", "10"),
        ),
    ),
    Service("pubsub", "pubsub", 4243),
    Service("docdb", "docdb", 4244, keeps_data=True),
    Service("sqldb", "sqldb", 4245, keeps_data=True),
    Service("broker", "broker", 4246, needs=_STORE, reads=_STORE_URLS),
    Service("worker", "worker", None, needs=_STORE, reads=_STORE_URLS, has_name=True, replicas=2),
    _ledger("ledger-1", 4251),
    _ledger("ledger-2", 4252),
    _ledger("ledger-3", 4253),
    Service(
        "web",
        "web",
        8080,
        needs=(*_STORE, "docdb", "sqldb", "broker", *LEDGERS),
        reads=(*_STORE_URLS, "DOCDB_URL", "SQLDB_URL", "BROKER_URL", "LEDGER_URLS"),
    ),
)


def process_names(service: Service) -> list[str]:
    """One name for each replica: `worker-1`, `worker-2`; a single process has its service's."""
    if service.replicas == 1:
        return [service.name]
    return [f"{service.name}-{number}" for number in range(1, service.replicas + 1)]


def published_port(service: Service, environ: Mapping[str, str]) -> int | None:
    """The port to listen on for people: from the environment, else the default; 0 is a free one.

    Raises ValueError where the environment says something that is no port.
    """
    if service.port is None:
        return None
    text = environ.get(service.port_variable) or str(service.port)
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise ValueError(f"{service.port_variable} {text!r}: must be a port, from 0 to 65535")
    return int(text)


def more_ports(service: Service, environ: Mapping[str, str]) -> dict[str, str]:
    """The options that say where else it listens; what `environ` says stands."""
    ports = {service.option_variable(option): str(port) for option, port in service.more_ports}
    return {variable: environ.get(variable) or port for variable, port in ports.items()}


def own_settings(
    service: Service, name: str, host: str, port: int | None, data_dir: Path
) -> dict[str, str]:
    """A process's own options: where it listens, what it is called, where its data is."""
    settings: dict[str, str] = {}
    if port is not None:
        settings["host"] = host
        settings["port"] = str(port)
    if service.has_name:
        settings["name"] = name
    if service.keeps_data:
        settings["data-dir"] = str(data_dir / name)
    return {service.option_variable(option): value for option, value in settings.items()}


def chosen_settings(service: Service, environ: Mapping[str, str]) -> dict[str, str]:
    """The options that the table chooses for a service; what `environ` says stands."""
    chosen = {service.option_variable(option): value for option, value in service.settings}
    return {variable: environ.get(variable) or value for variable, value in chosen.items()}


def addresses(
    variables: Iterable[str], endpoints: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, str]:
    """The address variables, from each service's `HOST:PORT`; what `environ` names stands."""
    return {
        address.variable: environ.get(address.variable)
        or ",".join(address.url.format(endpoints[name]) for name in address.services)
        for address in ADDRESSES
        if address.variable in variables
    }
