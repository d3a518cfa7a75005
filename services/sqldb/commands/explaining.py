"""EXPLAIN: the plan of a statement, and what happened when it was run.

EXPLAIN (ANALYZE, COSTS, TIMING, SUMMARY, FORMAT JSON)      as PostgreSQL has them
EXPLAIN (PASSES)      the plan after each pass of the optimizer
EXPLAIN (SOURCE)      the Python functions that the executor makes of it
"""

from __future__ import annotations

from time import perf_counter

from services.sqldb import errors
from services.sqldb.binder import bind_statement
from services.sqldb.errors import SqlError, not_supported
from services.sqldb.executor.compiler import CompiledPlan, compile_plan
from services.sqldb.executor.execution import Execution
from services.sqldb.optimizer import Estimator, SessionCatalog, run_passes
from services.sqldb.optimizer.explain import Explanation
from services.sqldb.plan.nodes import BoundStatement, Plan
from services.sqldb.session.planning import PLANNABLE, lock_tables, refuse_in_read_only
from services.sqldb.session.results import Result, ResultColumn
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes
from services.sqldb.types import JSON, TEXT

FORMATS = ("text", "json")
OPTIONS = frozenset(
    {"analyze", "verbose", "costs", "settings", "generic_plan", "buffers", "wal", "timing"}
    | {"summary", "format", "passes", "source"}
)
_FALSE = frozenset({"false", "off", "0", "no"})


def explain(session: Session, node: nodes.Explain) -> Result:
    """Raises SqlError."""
    options = _options(node)
    begun = perf_counter()
    statement = node.statement
    if isinstance(statement, nodes.CreateTableAs):
        statement = statement.query
    if not isinstance(statement, PLANNABLE):
        raise not_supported("EXPLAIN of this statement")
    bound = bind_statement(session, session.lookup, statement, None)
    while lock_tables(session, bound):
        bound = bind_statement(session, session.lookup, statement, None)
    passes: list[tuple[str, Plan]] = []
    estimator = Estimator(SessionCatalog(session))
    plan = run_passes(bound.plan, estimator, lambda name, plan: passes.append((name, plan)))
    output = None if bound.output is None else tuple(one.expression for one in bound.output)
    is_analyzed = _is_on(options, "analyze", False)
    compiled = compile_plan(plan, output, is_analyzed=is_analyzed)
    planning_ms = (perf_counter() - begun) * 1000
    if _is_on(options, "passes", False):
        return _text_result(_passes_text(passes, estimator))
    if _is_on(options, "source", False):
        return _text_result(compiled.source.rstrip().split("\n"))
    execution_ms, instruments = None, None
    if is_analyzed:
        execution_ms, instruments = _run(session, bound, compiled)
    explanation = Explanation(plan, estimator, instruments)
    shows_summary = _is_on(options, "summary", is_analyzed)
    costs = _is_on(options, "costs", True)
    times = (planning_ms, execution_ms) if shows_summary else (None, None)
    if options.get("format", "text") == "json":
        document = explanation.json(costs=costs, planning_ms=times[0], execution_ms=times[1])
        return Result("EXPLAIN", (ResultColumn("QUERY PLAN", JSON),), [(document,)])
    lines = explanation.text(costs=costs, timing=_is_on(options, "timing", True))
    words = ("Planning Time", "Execution Time")
    lines += [f"{w}: {t:.3f} ms" for w, t in zip(words, times, strict=True) if t is not None]
    return _text_result(lines)


def _options(node: nodes.Explain) -> dict[str, str]:
    options: dict[str, str] = {}
    for option in node.options:
        name = option.name.lower()
        if name not in OPTIONS:
            message = f'unrecognized EXPLAIN option "{option.name}"'
            raise SqlError(errors.SYNTAX_ERROR, message, position=node.position)
        value = option.value
        options[name] = "true" if value in (None, True, "") else str(value).lower()
    form = options.get("format", "text")
    if form not in FORMATS:
        raise not_supported(f"EXPLAIN format {form}")
    return options


def _is_on(options: dict[str, str], name: str, default: bool) -> bool:
    return default if name not in options else options[name] not in _FALSE


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
