"""A text that is shown nowhere."""


class Secret:
    """A password or token of krt's own: no log, error or `repr` shows it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: only for what is sent to the one who asked for it."""
        return self._text

    def __repr__(self) -> str:
        return "***"
