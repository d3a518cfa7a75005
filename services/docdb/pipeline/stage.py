"""What a stage is compiled with, and what it becomes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.expressions.compiler import Scope, Variables
from services.docdb.pipeline.memory import WITHOUT_DISK_BYTES, MemoryUse
from services.docdb.query.collation import Collation
from services.docdb.query.conditions import Condition
from services.docdb.query.filters import FilterContext
from services.docdb.query.metadata import VARIABLE, Metadata

if TYPE_CHECKING:
    from services.docdb.engine import Engine

Documents = Iterator[Document]
Stage = Callable[[Documents], Documents]


def text_comes_first(operand: object) -> Condition:
    """What `$text` is to a stage that does not read a collection itself."""
    raise MongoError(17313, "$match with $text is only allowed as the first pipeline stage")


@dataclass(frozen=True, slots=True)
class PipelineContext:
    """All that a stage may need while it is compiled."""

    engine: "Engine"
    database: str
    collection: str
    scope: Scope
    variables: Variables
    collation: Collation | None = None
    depth: int = 0
    search: Callable[[object], Condition] = text_comes_first
    memory_limit_bytes: int = WITHOUT_DISK_BYTES
    """How much each stage may hold."""

    @property
    def filters(self) -> FilterContext:
        return FilterContext(self.scope.key, self.scope, self.search, self.variables, self.metadata)

    def memory_of(self, stage: str) -> MemoryUse:
        return MemoryUse(stage, self.memory_limit_bytes)

    @property
    def metadata(self) -> Metadata:
        return self.variables.get(VARIABLE) or Metadata()

    def with_variables(self, variables: Variables) -> "PipelineContext":
        scope = self.scope.with_names(*variables)
        return replace(self, scope=scope, variables=self.variables | variables)

    def inside(self, collection: str) -> "PipelineContext":
        """The context of a pipeline within this one."""
        if self.depth > 20:
            raise MongoError(165, "Maximum number of nested sub-pipelines exceeded")
        return replace(self, collection=collection, depth=self.depth + 1)


CompileStage = Callable[[object, PipelineContext], Stage]


@cache
def stage_table() -> dict[str, CompileStage]:
    """All stages by name; put together late, because they use this module themselves."""
    from services.docdb.pipeline import (
        filling,
        grouping,
        joining,
        near,
        output,
        shaping,
        sources,
        windows,
    )

    families = (shaping, grouping, joining, windows, filling, sources, near, output)
    return {name: entry for family in families for name, entry in family.STAGES.items()}


ONLY_FIRST = frozenset({"$collStats", "$indexStats", "$documents", "$currentOp", "$geoNear",
                        "$listLocalSessions", "$listSessions", "$changeStream",
                        "$planCacheStats"})  # fmt: skip
ONLY_LAST = frozenset({"$out", "$merge"})
_NOT_HERE = {
    "$changeStream": (40573, "The $changeStream stage is only supported on replica sets"),
    "$search": (31082, "$search is not supported by this server"),
}


def identity(documents: Documents) -> Documents:
    return documents


def compile_pipeline(
    pipeline: object, context: PipelineContext, *, first_is_query: bool = False
) -> list[Stage]:
    """`first_is_query`: a `$match` in front is asked of the collection. Raises MongoError."""
    if type(pipeline) is not list:
        raise MongoError(14, "A pipeline must be an array of objects")
    stages = []
    for place, spec in enumerate(pipeline):
        if type(spec) is not dict:
            raise MongoError(14, "Each element of the 'pipeline' array must be an object")
        if len(spec) != 1:
            raise MongoError(
                40323, "A pipeline stage specification object must contain exactly one field."
            )
        name, operand = next(iter(spec.items()))
        if name in ONLY_FIRST and place:
            raise MongoError(40602, f"{name} is only valid as the first stage in a pipeline")
        if name in _NOT_HERE:
            raise MongoError(*_NOT_HERE[name])
        compile_stage = stage_table().get(name)
        if compile_stage is None:
            raise MongoError(40324, f"Unrecognized pipeline stage name: '{name}'")
        if name in ONLY_LAST and place != len(pipeline) - 1:
            raise MongoError(40601, f"{name} can only be the final stage in the pipeline")
        if name in ONLY_LAST and context.depth:
            raise MongoError(51047, f"{name} is not allowed within a sub-pipeline")
        if name == "$match" and not place and first_is_query:
            stages.append(identity)
            continue
        stage = compile_stage(operand, context)
        if context.metadata.is_kept and name in ONE_OF_ONE:
            stage = _keeping(stage, context.metadata)
        stages.append(stage)
    return stages


ONE_OF_ONE = frozenset({"$project", "$addFields", "$set", "$unset", "$replaceRoot", "$unwind",
                        "$replaceWith", "$redact", "$lookup", "$graphLookup"})  # fmt: skip
"""Each document that these give is made of the one that they have read last."""


def _keeping(stage: Stage, metadata: Metadata) -> Stage:
    """A stage that hands on what is known of its documents."""

    def run(documents: Documents) -> Documents:
        last: Document = {}

        def noting() -> Documents:
            nonlocal last
            for document in documents:
                last = document
                yield document

        for made in stage(noting()):
            yield metadata.move(last, made)

    return run


def chained(stages: list[Stage], documents: Documents) -> Documents:
    for stage in stages:
        documents = stage(documents)
    return documents


def need_object(name: str, operand: object, code: int = 9) -> Document:
    if type(operand) is not dict:
        raise MongoError(code, f"the {name} stage specification must be an object")
    return operand


def need_fields(name: str, operand: Document, must: set[str], may: set[str]) -> None:
    for field in operand:
        if field not in must and field not in may:
            raise MongoError(40415, f"BSON field '{name}.{field}' is an unknown field.")
    for field in must:
        if field not in operand:
            raise MongoError(40414, f"BSON field '{name}.{field}' is missing but a required field")
