"""The library: everything that a statement can call, and how a call finds its function.

    definition     Function, Operator, Cast, Aggregate, WindowFunction: what they are
    definitions    Definitions: how a module writes them down by signature
    library        Library, builtin_library: all tables together
    resolution     resolve_function, resolve_operator: overloads and unknown literals
    coercion       find_cast, require_cast, typmod_function, common_type, can_coerce
    polymorphism   what anyelement and anyarray stand for in a call
    oids           the numbers of functions, for the catalog

The way of the binder:

    call = resolve_operator("+", INT4, UNKNOWN)       → left and right int4, the function of it
    convert each argument to call.left, call.right    by find_cast(source, target, context):
                                                      Cast.function, or None to relabel
    Call(call.result_type, call.function, arguments)

The way of the executor: `function.template.format(argument, argument, t=…, u=…, v=…)` is the text
of an expression over `function.names`; without a template it calls `function.implementation`
(with the SessionContext first, if `needs_context`). Strict functions never see NULL.

`ResolvedCall.function` may be an Aggregate or a WindowFunction; the binder asks for its class. All
of them are concrete: polymorphic types are real ones, defaults and VARIADIC are dealt with, so the
implementation takes the arguments just as they stand in the call.

What stands in which module:

    arithmetic, numeric_arithmetic, mathematics     numbers
    comparison, casts                               = < > of all types; pg_cast
    strings, formatting, patterns                   text; LIKE and regular expressions
    regex_translation, regex_machine                POSIX patterns for `re`; those that explode
    byte_functions                                  bytea, hashes
    bit_functions                                   bit strings
    date_arithmetic, date_fields                    dates and times; extract
    date_formats, date_parsing                      to_char, and back: to_date, to_timestamp
    interval_arithmetic, number_formats             intervals; to_char of numbers
    json_access, json_changes                       into JSON; jsonb_set and its like
    json_values, json_records                       values as JSON, JSON as rows
    jsonpath, jsonpath_functions                    along a jsonpath; jsonb_path_query, @?, @@
    jsonpath_dates, jsonpath_regex                  .datetime(); like_regex
    array_functions, series                         arrays, subscripts; generate_series and the rest
    aggregates, statistics, windows                 sum; variance, percentiles; rank, lag

Functions that ask the catalog or the session (nextval, pg_get_indexdef …) are defined on that side,
in a `Definitions` of their own: `builtin_library().with_definitions(define)`.
# Real: pg_proc.dat, pg_operator.dat, pg_cast.dat; parse_func.c, parse_oper.c, parse_coerce.c
"""

from services.sqldb.functions.coercion import (
    ASSIGNMENT,
    EXPLICIT,
    IMPLICIT,
    can_coerce,
    common_type,
    find_cast,
    require_cast,
    typmod_function,
)
from services.sqldb.functions.comparison import comparison_function
from services.sqldb.functions.definition import (
    Aggregate,
    AggregateTemplate,
    Cast,
    Function,
    Operator,
    WindowFunction,
)
from services.sqldb.functions.definitions import Definitions
from services.sqldb.functions.library import Library, builtin_library
from services.sqldb.functions.resolution import (
    ResolvedCall,
    ResolvedOperator,
    resolve_function,
    resolve_operator,
)

__all__ = [
    "ASSIGNMENT",
    "EXPLICIT",
    "IMPLICIT",
    "Aggregate",
    "AggregateTemplate",
    "Cast",
    "Definitions",
    "Function",
    "Library",
    "Operator",
    "ResolvedCall",
    "ResolvedOperator",
    "WindowFunction",
    "builtin_library",
    "can_coerce",
    "common_type",
    "comparison_function",
    "find_cast",
    "require_cast",
    "resolve_function",
    "resolve_operator",
    "typmod_function",
]
