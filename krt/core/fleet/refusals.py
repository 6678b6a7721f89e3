"""The refusal of a document of a fleet."""


class FleetInvalid(ValueError):
    """A document, a filter or a value is not as it must be. Each problem is one sentence; none quotes a secret."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
