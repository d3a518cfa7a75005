"""What is kept: collections of records, their indexes, and how they get to the disk.

catalog         databases and the collections in them
collection      the records of one collection; every change goes through here
claims          what open transactions have written, and nobody else may write
index           one index: which keys a document has in it, and what must be unique
index_keys      the keys of a document, where arrays make several of one
geo_column, text_keys, wildcard_keys   the keys of the other kinds of indexes
sorted_blocks   the ordered structure below every index
expiry          TTL indexes
cursors         what a client reads batch by batch
journal         every change, appended to a file before it is acknowledged
persistence     snapshots in the background
recovery        what a data directory holds becomes the catalog, when the server starts
"""
