"""What clients ask of documents: filters, projections, updates, and the order of values.

comparison    the one order of all values
paths         what `a.b.0` leads to where arrays are on the way
collation     orders of text beside that of its bytes
filters       a filter document becomes a tree of conditions …; field_filters: for each field
conditions    … which become functions from a document to yes or no
operators     the tests of single values: `$gt`, `$regex`, `$type` …
regexes       PCRE, as far as Python's own can say it
json_schema   `$jsonSchema`
projection    which fields of a document a reply has; projection_tree: how that is walked
sorting       sort specifications
update        an update document becomes a list of changes …
update_operators   … one function for each operator
intervals     between which values a condition can hold …
bounds        … and which part of an index that leaves to be looked at
canonical     filters in one form, as `explain` shows them
covering      what can be answered from the keys of an index alone
implication   whether a partial index has all that a query can find
plans         the ways to find documents: COLLSCAN, IXSCAN, OR
planner       which of them is taken; special_plans: where there is no choice
plan_stages   plans as `explain` shows them; shown_bounds: what they read of an index
distinct_scan     from one value of an index straight to the next

geo_conditions    `$geoWithin`, `$geoIntersects`, `$near`; geo_cells: what they read of an index
near_plan         the nearest first
text_condition    `$text`; text_plan: the records that have a term
metadata          what is known of a document beside it: its score, its distance
type_names    the names and numbers of BSON types
"""
