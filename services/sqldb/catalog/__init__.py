"""What there is: schemas, tables, indexes, constraints, views, sequences, types, roles.

definitions      each kind of object, as an immutable value
catalog          which of them a transaction sees, by name and by oid; changes are rows like any
system_tables    pg_class and its like, computed from the definitions when they are asked for
information_schema   the same as the SQL standard names it

An object is defined by a value that never changes; ALTER puts a new one in its place. The values
are stored as row versions in a heap of their own, so that DDL is transactional, isolated, logged
and recovered by exactly what does this for rows. # Real: pg_class and its like are tables, too.
"""
