"""What goes wrong between a handler and the supervisor."""


class HandlerError(Exception):
    """Registration failed, the supervisor refused, or the channel broke."""


class PassRefused(HandlerError):
    """The connection was not passed on: it is yours still.

    `reason` is one of those of docs/protocol.md, or says what happened here.
    When the supervisor went away before it answered (`is_answered` is false),
    it may, if it lives, have taken the connection all the same.
    """

    def __init__(self, reason: str, is_answered: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_answered = is_answered


class MalformedMessage(Exception):
    """The supervisor sent what docs/protocol.md does not allow."""
