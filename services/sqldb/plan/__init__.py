"""Relational algebra: what a statement means, when all names and types are known.

expressions   values computed from the columns of a row
nodes         operators that make rows of rows: logical, and physical
analysis      which columns a plan uses and makes; walks and rewrites of both kinds

The binder writes a plan as the statement says it, the optimizer rewrites it pass by pass, and the
executor makes a Python function of it. All three know only this package, so it is the narrow place
of the service. Nothing here computes anything.

**Columns have addresses.** Each operator that makes new columns (a scan, a projection, an
aggregation) has a `relation` number, unique in the statement; `Column(relation, index)` names its
n-th column wherever it is used above. An operator that only drops, orders or joins rows lets the
columns of its inputs through under their old addresses. So a pass can move a filter below a join
without renumbering anything. # Real: DuckDB's ColumnBinding; Var(varno, varattno) in PostgreSQL.

    SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer WHERE o.total > 10

    Project #3 (#1.0, #2.1)
      Filter #1.2 > 10
        Join INNER #2.0 = #1.1
          Scan #1 orders (id, customer, total)
          Scan #2 customers (id, name)

A subquery that uses columns of the query around it simply names them: `Subquery.outer` lists which.
"""
