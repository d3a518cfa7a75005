"""What there is: schemas, tables, indexes, constraints, views, sequences, types, roles.

definitions      each kind of object, as an immutable value
state            all of them at one moment, found by oid, by name, by the table they belong to
catalog          which of them a transaction sees and changes
lookup           what a name means in a session: search path, temporary tables, system tables, types
privileges       who may do what: access lists, roles and whose rights they have
name_forms       names in kept expressions: with schemas inside, without when shown
records          definitions as plain values, for the log
system_tables    pg_class and its like, computed from the definitions when they are asked for

An object is defined by a value that never changes; ALTER puts a new one in its place. Changes are
made in the transaction, taken back with it, and logged with its rows. So DDL is transactional.
# Real: pg_class and its like are tables, whose rows have versions as all rows have.
"""
