"""What may stand in a field of Valkey's that krt never wrote: a hand's, a broken one's, a newer krt's."""

ODD = [
    "",
    "x",
    "null",
    "3",
    '"ready"',
    "[]",
    "{}",
    '{"state":',
    '{"state": "an unknown one"}',
    '{"state": 1}',
    '{"state": "ready", "final": "yes"}',
    '{"state": "ready", "updated": 1.5}',
    '{"state": "ready", "version": 1e400}',
    '{"state": "ready", "reason": "\ufffd',
    '{"state": "\ud800"}',
    '{"a":' * 10_000 + "1" + "}" * 10_000,
]
