"""Why a document of the fleet is refused."""


class FleetInvalid(ValueError):
    """A document, a filter or a value is not as it must be. Each problem is one sentence that quotes no value."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
