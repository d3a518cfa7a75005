"""The expression language of `$project`, `$group`, `$expr` and updates by pipeline.

    compiler       an expression becomes a function (document, variables) ─▶ value
    arguments      how most operators take their arguments
    argument_codes MongoDB's codes for arguments that are wrong
    numbers        the four kinds of numbers and what comes of mixing them
    dates_and_zones   calendar arithmetic with time zones, and formats

One file for each family of operators, each with a table of its own:

    arithmetic, logic, strings, arrays, sets, objects, dates, conversion

    accumulators   `$sum` and its kin: in `$group`, in windows, and as functions of arrays
"""
