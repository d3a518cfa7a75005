"""The executor: a plan becomes Python source, which is compiled once and run many times.

    compiled = compile_plan(plan, output)                       once per prepared statement
    run = Execution(database, transaction, snapshot, context, parameters, check)
    for row in compiled.rows(run): …                            tuples, ready for the protocol
    run.affected                                                the count of INSERT, UPDATE, DELETE

compiler      the essay: produce and consume; `compile_plan`, `explain_source`
source        functions of source text under construction; constants never enter the text
site          where code is being written: which columns are there, under which names
expressions   values and conditions with three-valued logic    nested        arrays and rows
subqueries    queries inside expressions                       scans         rows from storage …
rows          filter, projection, limit, distinct              joins         hash, loop, merge
aggregates    GROUP BY                                         windows       OVER (…)
sets          UNION, WITH RECURSIVE                            sorting       order, top-n
spill         above work_mem: to disk                          changes       INSERT … MERGE
locking       FOR UPDATE, second looks                         row_checks    NOT NULL, CHECK errors
execution     what belongs to one run                          instruments   counts and times
"""
