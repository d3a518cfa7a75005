"""What is kept: collections of records, their indexes, and how they get to the disk.

catalog         databases and the collections in them
collection      the records of one collection; every change goes through here
index           one index: which keys a document has in it, and what must be unique
index_keys      the keys of a document, where arrays make several of one
sorted_blocks   the ordered structure below every index
expiry          TTL indexes
cursors         what a client reads batch by batch
journal         every change, appended to a file before it is acknowledged
persistence     snapshots in the background
recovery        what a data directory holds becomes the catalog, when the server starts
"""
