"""What is wrong with bytes or text that claim to be a document."""


class BsonError(ValueError):
    """Malformed BSON, a value that BSON cannot hold, or malformed extended JSON."""
