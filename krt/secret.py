"""A password or token as a type that no log, error or `repr` can print by accident."""

STARS = "***"  # in the place of a secret, in everything that krt prints


class Secret:
    """A password or token that belongs to krt. `repr` and `str` give `***`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Use it only to build the message for the server that requires the secret."""
        return self._text

    def __repr__(self) -> str:
        return STARS
