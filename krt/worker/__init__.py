"""The worker role: from a journaled event to the patch of each workload that it matches, and to its rollout's end.

Responsible for tasks, retries, waiting and order. Decisions belong to `krt.core`, exchanges with Valkey to
`krt.broker`, calls of the API server to `krt.cluster`; the worker knows both only by `core/ports.py`. Start with
`role.py` (all tasks), then go an entry's way: `consume.py`, `take.py`, `waiting.py`, `restart.py`, `settle.py`,
`follow.py`.
"""
