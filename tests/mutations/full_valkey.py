"""Mutations of the rule J4 (docs/correctness.md) if krt is started with a full Valkey."""

from tests.mutations.mutation import of

MUTATIONS = of(
    "daemon/test_full_valkey.py",
    (
        "test_J4_krt_that_is_started_at_a_full_valkey_makes_room_and_works[of another name]",
        "daemon/worker.py",
        "        nursery.start_soon(chores.tidy, journal)  # before",
        "        # before",
    ),
)
