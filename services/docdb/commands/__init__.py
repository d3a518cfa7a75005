"""The commands, and the table by which they are found.

greeting      hello, and what drivers ask beside their work
login         SCRAM, users
reading       find, count, distinct, aggregate; cursor_commands: getMore, killCursors
writing       insert, update, delete, findAndModify; updating, storing: what they share
collections   create, drop, rename, lists, statistics
indexes       createIndexes, listIndexes, dropIndexes
explaining    explain
table         the command table: one row for each
query_context what a command says about how its filter is to be read: collation, `let`
"""
