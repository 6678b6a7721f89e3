"""Which call of which part a worker dies before, or after."""

BEFORE, AFTER = "fail_before", "fail_after"

POINTS = [
    ("journal", BEFORE, "read_new"),
    ("journal", AFTER, "read_new"),
    ("rollouts", BEFORE, "record"),
    ("rollouts", AFTER, "record"),
    ("journal", BEFORE, "position"),
    ("cluster", BEFORE, "restart"),
    ("cluster", AFTER, "restart"),
    ("rollouts", BEFORE, "settle"),
    ("rollouts", AFTER, "settle"),
]
