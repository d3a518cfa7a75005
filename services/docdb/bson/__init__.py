"""BSON, the form in which documents travel and are kept: bytes to Python values and back.

    types           the values that Python has no type of its own for
    decoder         bytes ─▶ documents, strict: nothing malformed gets in
    encoder         documents ─▶ bytes
    decimal128      128-bit decimal numbers, as `decimal.Decimal`
    extended_json   the same values as text that a person reads; for tests and the dashboard
    errors          what is wrong with bytes or text that claim to be a document

A document is a `dict` in the order of its fields, an array a `list`. This is how the others come:

    double   float        int32  int              string   str          null     None
    int64    Int64        bool   bool             decimal  Decimal      date     Date
    binary   Binary       ObjectId, Timestamp, Regex, Code, Symbol, DBPointer: classes of `types`

Int64 is an int that remembers its width: a client that has stored 64 bits gets 64 bits back.
Documents that are stored are never changed in place, so they may be shared freely.
"""
