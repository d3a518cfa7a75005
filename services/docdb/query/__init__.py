"""What clients ask of documents: filters, projections, updates, and the order of values.

comparison    the one order of all values
paths         what `a.b.0` leads to where arrays are on the way
collation     orders of text beside that of its bytes
filters       a filter document becomes a tree of conditions …
conditions    … which become functions from a document to yes or no
operators     the tests of single values: `$gt`, `$regex`, `$type` …
regexes       PCRE, as far as Python's own can say it
json_schema   `$jsonSchema`
projection    which fields of a document a reply has
sorting       sort specifications
update        an update document becomes a list of changes …
update_operators   … one function for each operator
bounds        which part of an index the conditions leave to be looked at
plans         the ways to find documents: COLLSCAN, IXSCAN, OR
planner       which of them is taken
type_names    the names and numbers of BSON types
"""
