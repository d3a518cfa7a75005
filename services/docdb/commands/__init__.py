"""The commands, and the table by which they are found.

greeting      hello, and what drivers ask beside their work
login         SCRAM, users
reading       find, count, distinct; tailing; cursor_commands: getMore, killCursors
aggregating   aggregate
writing       insert, update, delete, findAndModify; updating, storing, batches: what they share
collections   create, drop, rename, lists; statistics: dbStats, collStats, validate
indexes       createIndexes, listIndexes, dropIndexes; index_specs: what is right with an index
explaining    explain
transacting   commitTransaction, abortTransaction, sessions
upkeep        convertToCapped, reIndex, dataSize, rolesInfo
operations    currentOp, killOp
replicating   replSetGetStatus, and fail points
table         the command table: one row for each
query_context what a command says about how its filter is to be read: collation, `let`
"""
