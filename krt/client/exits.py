"""Every code that krt notify ends with, and what it means: the one table of command, help and documentation."""

DONE, FAILED, REFUSED, NO_ANSWER, INTERRUPTED = 0, 1, 2, 3, 130

MEANINGS = {
    DONE: "accepted; with --wait: the rollout is ready",
    FAILED: "with --wait: accepted, but the rollout did not become ready in time",
    REFUSED: "refused, or bad input",
    NO_ANSWER: "not accepted in time",
    INTERRUPTED: "interrupted; what was accepted goes on",
}
