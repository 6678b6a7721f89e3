"""The error with which a file of values is refused. Pure."""


class ValuesInvalid(ValueError):
    """krt does not take a file as keys and values. The message is a clause that quotes no value."""
