"""EXPLAIN: the plan of a statement, and what happened when it was run.

EXPLAIN (ANALYZE, VERBOSE, COSTS, SETTINGS, TIMING, SUMMARY, FORMAT …)      as PostgreSQL has them
EXPLAIN (PASSES)      the plan after each pass of the optimizer
EXPLAIN (SOURCE)      the Python functions that the executor makes of it
"""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from services.sqldb import errors
from services.sqldb.binder import bind_statement
from services.sqldb.commands.prepared import statement_and_values
from services.sqldb.errors import SqlError, not_supported
from services.sqldb.executor.compiler import CompiledPlan, compile_plan
from services.sqldb.executor.execution import Execution
from services.sqldb.optimizer import Estimator, SessionCatalog, run_passes
from services.sqldb.optimizer.explain import Explanation
from services.sqldb.optimizer.explain_formats import FORMATS, document
from services.sqldb.optimizer.passes import optimize_expression
from services.sqldb.plan import expressions as ex
from services.sqldb.plan.analysis import rewrite, rewrite_all
from services.sqldb.plan.nodes import BoundStatement, Plan
from services.sqldb.session.parameters import PARAMETERS
from services.sqldb.session.permissions import check_statement
from services.sqldb.session.planning import PLANNABLE, lock_tables, refuse_in_read_only
from services.sqldb.session.results import Result, ResultColumn
from services.sqldb.session.session import Session
from services.sqldb.session.settings import parsed
from services.sqldb.syntax import nodes
from services.sqldb.types import JSON, TEXT, SqlType

SWITCHES = frozenset(
    {"analyze", "verbose", "costs", "settings", "buffers", "wal", "timing", "summary"}
    | {"passes", "source"}
)
_TRUE = frozenset({"true", "on", "1", "yes"})
_FALSE = frozenset({"false", "off", "0", "no"})
# The settings that plans depend on. # Real: GUC_EXPLAIN
_SETTINGS = [
    name
    for name in PARAMETERS
    if name.startswith("enable_")
    or name.endswith("_cost")
    or name in ("work_mem", "search_path", "effective_cache_size")
]


def explain(
    session: Session,
    node: nodes.Explain,
    types: tuple[SqlType, ...] | None = None,
    values: tuple = (),
) -> Result:
    """`types`, `values`: of its parameters, where it was prepared. Raises SqlError."""
    options = _options(node)
    begun = perf_counter()
    statement = node.statement
    if isinstance(statement, nodes.CreateTableAs):
        statement = statement.query
    if isinstance(statement, nodes.Execute):
        prepared, values = statement_and_values(session, statement)
        statement, types = prepared.parsed.statement, prepared.parameter_types
    if isinstance(statement, nodes.DeclareCursor):
        statement = statement.query
    if not isinstance(statement, PLANNABLE):
        raise not_supported("EXPLAIN of this statement")
    bound = _bound(session, statement, types, values)
    while lock_tables(session, bound):
        bound = _bound(session, statement, types, values)
    passes: list[tuple[str, Plan]] = []
    estimator = Estimator(SessionCatalog(session))
    plan = run_passes(bound.plan, estimator, lambda name, plan: passes.append((name, plan)))
    output = None
    if bound.output is not None:
        output = tuple(optimize_expression(one.expression, estimator) for one in bound.output)
    is_analyzed = options["analyze"]
    compiled = compile_plan(plan, output, is_analyzed=is_analyzed)
    planning_ms = (perf_counter() - begun) * 1000
    if options.get("passes"):
        return _text_result(_passes_text(passes, estimator))
    if options.get("source"):
        return _text_result(compiled.source.rstrip().split("\n"))
    execution_ms, instruments = None, None
    if is_analyzed:
        execution_ms, instruments = _run(session, bound, compiled)
    is_verbose = options.get("verbose", False)
    explanation = Explanation(
        plan,
        estimator,
        instruments,
        output=output if is_verbose else None,
        schema_of=_schemas(session) if is_verbose else None,
    )
    shows_summary = options.get("summary", is_analyzed)
    times = (planning_ms, execution_ms) if shows_summary else (None, None)
    return _result(session, explanation, options, times)


def _bound(
    session: Session, statement: object, types: tuple[SqlType, ...] | None, values: tuple
) -> BoundStatement:
    """With the arguments of EXECUTE in the places of its parameters."""
    bound = bind_statement(session, session.lookup, statement, types)
    check_statement(session, bound)
    if not values:
        return bound

    def change(part: ex.Expression) -> ex.Expression:
        if isinstance(part, ex.Parameter):
            return ex.Constant(part.type, values[part.number - 1])
        return part

    output = bound.output
    if output is not None:
        output = tuple(replace(one, expression=rewrite(one.expression, change)) for one in output)
    return replace(bound, plan=rewrite_all(bound.plan, change), output=output)


def _schemas(session: Session):
    return lambda table: session.lookup.schema_name(table.schema_oid)


def _result(
    session: Session, explanation: Explanation, options: dict, times: tuple
) -> Result:  # fmt: skip
    costs, timing = options.get("costs", True), options.get("timing", True)
    changed = _changed_settings(session) if options.get("settings") else None
    form = options.get("format", "text")
    if form != "text":
        made = document(
            explanation,
            costs=costs,
            timing=timing,
            settings=changed,
            planning_ms=times[0],
            execution_ms=times[1],
        )
        column = ResultColumn("QUERY PLAN", JSON if form == "json" else TEXT)
        return Result("EXPLAIN", (column,), [(FORMATS[form](made),)])
    lines = explanation.text(costs=costs, timing=timing)
    if changed:
        lines.append("Settings: " + ", ".join(f"{n} = '{v}'" for n, v in changed.items()))
    words = ("Planning Time", "Execution Time")
    lines += [f"{w}: {t:.3f} ms" for w, t in zip(words, times, strict=True) if t is not None]
    return _text_result(lines)


def _changed_settings(session: Session) -> dict[str, str]:
    settings = session.settings
    found = {}
    for name in sorted(_SETTINGS):
        parameter = PARAMETERS[name]
        if settings[name] != parsed(parameter, parameter.default):
            found[parameter.name] = settings.show(name)
    return found


def _options(node: nodes.Explain) -> dict[str, object]:
    """Raises SqlError 42601 for what is unknown, 22023 for what does not go together."""
    options: dict[str, object] = {"analyze": False}
    for option in node.options:
        name = option.name.lower()
        position = getattr(option, "position", node.position)
        if name == "format":
            options[name] = _format(option, position)
        elif name in SWITCHES:
            options[name] = _switch(name, option.value)
        else:
            message = f'unrecognized EXPLAIN option "{option.name}"'
            raise SqlError(errors.SYNTAX_ERROR, message, position=position)
    for name in ("wal", "timing"):
        if options.get(name) and not options["analyze"]:
            message = f"EXPLAIN option {name.upper()} requires ANALYZE"
            raise SqlError(errors.INVALID_PARAMETER_VALUE, message)
    return options


def _format(option: nodes.Option, position: int) -> str:
    form = str(option.value).lower()
    if form != "text" and form not in FORMATS:
        message = f'unrecognized value for EXPLAIN option "{option.name}": "{option.value}"'
        raise SqlError(errors.INVALID_PARAMETER_VALUE, message, position=position)
    return form


def _switch(name: str, value: object) -> bool:
    if value in (None, True, ""):
        return True
    text = str(value).lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise SqlError(errors.SYNTAX_ERROR, f"{name} requires a Boolean value")


def _run(session: Session, bound: BoundStatement, compiled: CompiledPlan) -> tuple:
    """Run it and throw the rows away: (milliseconds, counts of each operator)."""
    if not bound.is_read_only:
        refuse_in_read_only(session, bound.command)
    transaction = session.expect_transaction()
    with transaction.statement() as snapshot:
        execution = Execution(
            session.database_view,
            transaction,
            snapshot,
            session,
            (),
            session.interrupts.check,
            int(session.settings["work_mem"]) * 1024,
        )
        begun = perf_counter()
        for _ in compiled.rows(execution):
            pass
        took_ms = (perf_counter() - begun) * 1000
    return took_ms, execution.instruments


def _passes_text(passes: list[tuple[str, Plan]], estimator: Estimator) -> list[str]:
    lines: list[str] = []
    before: list[str] = []
    for name, plan in passes:
        after = Explanation(plan, estimator).text(costs=False)
        if after != before:
            lines += [f"-- {name}", *after]
        before = after
    return lines


def _text_result(lines: list[str]) -> Result:
    return Result("EXPLAIN", (ResultColumn("QUERY PLAN", TEXT),), [(line,) for line in lines])
