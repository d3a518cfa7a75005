"""The statements that are no queries: one file for each family, one function for each statement.

    transactions      BEGIN, COMMIT, ROLLBACK, SAVEPOINT …, SET TRANSACTION, LOCK TABLE
    settings          SET, RESET, SHOW, DISCARD
    cursors           DECLARE, FETCH, MOVE, CLOSE
    prepared          PREPARE, EXECUTE, DEALLOCATE
    notifications     LISTEN, NOTIFY, UNLISTEN
    permissions       what a role needs to run one of them; granting, memberships, owned
    tables …          definitions

A command takes the session and its syntax node and gives a `Result`. The table of all of them is in
`services.sqldb.commands.table`.
"""
