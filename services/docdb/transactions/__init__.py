"""Sessions, and what is done in them: transactions, and writes that can be tried again.

    request ─▶ session_fields ─▶ running ─▶ transaction ─▶ handler of the command
                                               │  with an engine whose catalog is a snapshot
                                               ▼
                                     overlay on the collections: old versions, own writes

session_fields  lsid, txnNumber, autocommit, startTransaction: what goes with what
sessions        the sessions of clients, and what each did last
retryable       the outcome of statements that have a number, for the case that they come again
overlay         records and index entries as they were, and own changes, over those of now
snapshot        all collections as they were at one time
transaction     a snapshot with own writes: its operations, its commit
running         begins, continues, commits and aborts transactions
"""
