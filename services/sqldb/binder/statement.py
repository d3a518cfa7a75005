"""What binding one statement has in common: catalog, library, parameters, running numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from services.sqldb.catalog.definitions import Table
from services.sqldb.catalog.lookup import Lookup
from services.sqldb.errors import (
    AMBIGUOUS_PARAMETER,
    INDETERMINATE_DATATYPE,
    UNDEFINED_PARAMETER,
    SqlError,
)
from services.sqldb.functions import Library, builtin_library
from services.sqldb.plan import expressions as ex
from services.sqldb.plan.accesses import Access
from services.sqldb.types import UNKNOWN, SqlType
from services.sqldb.types.context import SessionContext


@dataclass(frozen=True, slots=True)
class UnknownLiteral(ex.Constant):
    """'text' or NULL whose type is still open; a conversion makes a Constant of it."""

    position: int = -1


@dataclass(frozen=True, slots=True)
class UnknownParameter(ex.Parameter):
    """A $n that nothing has told the type of yet."""

    position: int = -1


class Parameters:
    """The types of $1, $2, …: given by the client, or found by how they are used.

    # Real: parse_param.c, variable parameters
    """

    def __init__(self, given: Sequence[SqlType | None] | None):
        # None: the statement came as plain text and can have none.
        self._are_allowed = given is not None
        self._types: list[SqlType | None] = list(given or ())

    def use(self, number: int, position: int) -> ex.Parameter:
        if not self._are_allowed or not 1 <= number <= 65535:
            message = f"there is no parameter ${number}"
            raise SqlError(UNDEFINED_PARAMETER, message, position=position)
        self._types.extend([None] * (number - len(self._types)))
        known = self._types[number - 1]
        if known is None or known.oid == UNKNOWN.oid:
            return UnknownParameter(UNKNOWN, number, position=position)
        return ex.Parameter(known, number)

    def resolve(self, parameter: UnknownParameter, type_: SqlType) -> ex.Parameter:
        """The parameter as one of this type, which it has from now on."""
        known = self._types[parameter.number - 1]
        if known is None or known.oid == UNKNOWN.oid:
            self._types[parameter.number - 1] = type_
        elif known.oid != type_.oid:
            raise SqlError(
                AMBIGUOUS_PARAMETER,
                f"inconsistent types deduced for parameter ${parameter.number}",
                detail=f"{known} versus {type_}",
                position=parameter.position,
            )
        return ex.Parameter(type_, parameter.number)

    def types(self) -> tuple[SqlType, ...]:
        """All of them; 42P18 if one is still open."""
        for number, type_ in enumerate(self._types, 1):
            if type_ is None or type_.oid == UNKNOWN.oid:
                message = f"could not determine data type of parameter ${number}"
                raise SqlError(INDETERMINATE_DATATYPE, message)
        return tuple(self._types)


@dataclass(slots=True)
class Statement:
    """The state of binding one statement; every function of the binder has it at hand."""

    lookup: Lookup
    session: SessionContext
    library: Library
    parameters: Parameters
    # Within the body of a function: its name, and the numbers of its named parameters.
    parameter_names: tuple[str, dict[str, int]] | None = None
    changes_data: bool = False
    locks_rows: bool = False
    # Lock modes by the oid of the table.
    table_locks: dict[int, str] = field(default_factory=dict)
    # What is done with each table that is named; functions of which somebody may lack the right.
    accesses: list[Access] = field(default_factory=list)
    called: set[int] = field(default_factory=set)
    # While a view's query is bound: its owner, whose rights count there.
    as_role: int = 0
    # What stars and names of relations in the syntax turned out to mean: see `normal_form`.
    meanings: dict[int, object] = field(default_factory=dict)
    # If somebody wants to know it: which column of which table a reference (its id) names.
    named_columns: dict[int, tuple[int, int]] | None = None
    tables_of_relations: dict[int, int] = field(default_factory=dict)
    # Views that are being expanded, to stop one that contains itself.
    open_views: list[int] = field(default_factory=list)
    # WITH queries that are being bound, the innermost last.
    open_ctes: list[object] = field(default_factory=list)
    check: Callable[[], None] | None = None
    steps: int = 0
    _relations: count = field(default_factory=lambda: count(1))
    _ctes: count = field(default_factory=lambda: count(1))

    @property
    def session_library(self) -> Library:
        """The functions without those of users."""
        return getattr(self.session, "library", None) or builtin_library()

    def step(self) -> None:
        """One more node: some milliseconds of them, and it is time for a look at interrupts."""
        self.steps += 1
        if not self.steps & 63 and self.check is not None:
            self.check()

    def new_relation(self) -> int:
        return next(self._relations)

    def new_cte(self) -> int:
        return next(self._ctes)

    def access(self, table: Table, letters: str) -> Access:
        """Notes that the statement does this with the table."""
        made = Access(table, self.as_role, set(letters))
        self.accesses.append(made)
        return made

    def lock(self, table: Table, mode: str) -> None:
        """Notes the lock that the table needs; the stronger of two counts."""
        old = self.table_locks.get(table.oid)
        if old is None or _STRENGTH[mode] > _STRENGTH[old]:
            self.table_locks[table.oid] = mode


_STRENGTH = {"AccessShareLock": 1, "RowShareLock": 2, "RowExclusiveLock": 3}
