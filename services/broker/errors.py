"""The one exception of whoever asks a broker."""


class BrokerError(Exception):
    """What was asked for has not been done.

    `status` is the HTTP status that says why, None where nobody answered; `field` is the place in
    the submission that does not fit, where that is the reason.
    """

    def __init__(self, message: str, status: int | None = None, field: str | None = None):
        super().__init__(message)
        self.status = status
        self.field = field

    @property
    def may_pass(self) -> bool:
        """Whether asking again later may help: nobody answers, or kvdb is away."""
        return self.status in (None, 503)
