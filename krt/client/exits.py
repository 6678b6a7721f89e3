"""The exit codes of krt's commands, and what each means of `krt notify`: help text and docs use that table."""

DONE, FAILED, REFUSED, NO_ANSWER = 0, 1, 2, 3
BY_SIGNAL = 128  # plus the signal's number, as shells do

MEANINGS = {
    DONE: "accepted; with --wait: the rollout is ready",
    FAILED: "with --wait: accepted, but the rollout did not become ready in time",
    REFUSED: "refused, or bad input",
    NO_ANSWER: "not accepted in time",
    129: "its terminal closed (SIGHUP); an accepted event goes on",
    130: "interrupted (SIGINT); an accepted event goes on",
    143: "ended by SIGTERM; an accepted event goes on",
}
