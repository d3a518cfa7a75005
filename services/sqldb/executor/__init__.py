"""The executor: a plan becomes Python source, which is compiled once and run many times.

    compiled = compile_plan(plan, output)                       once per prepared statement
    run = Execution(database, transaction, snapshot, context, parameters, check)
    for row in compiled.rows(run): …                            tuples, ready for the protocol
    run.affected                                                the count of INSERT, UPDATE, DELETE

compiler      the essay: produce and consume; `compile_plan`, `explain_source`
source        functions of source text under construction; constants never enter the text
site          where code is being written: which columns are there, under which names
expressions   values and conditions with three-valued logic    nested         arrays and rows
subqueries    queries inside expressions
scans         rows from tables and functions                   index_scans    from an index
rows          filter, projection, limit, distinct              sorting        order, top-n
joins         hash and nested loop, in generated loops         hash_joins     those that may spill
groups        GROUP BY                                         merge_joins    two ordered sides
aggregates    the states of sum, count …                       ordered_rows   … (x ORDER BY y)
windows       OVER (…)                                         window_partition, window_frames
sets          UNION …, WITH RECURSIVE                          moving_frames  … without adding again
distinct_rows DISTINCT, UNION … that may spill                 bounds         what fits for certain
spill         above work_mem: to disk                          value_set      x IN (SELECT …)
kept_rows     what is read more than once                      changes        INSERT … MERGE
locking       FOR UPDATE, second looks                         row_checks     NOT NULL, CHECK errors
execution     what belongs to one run                          instruments   counts and times
"""
