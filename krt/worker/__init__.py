"""The worker role: from a journaled event to a patch of each workload that matches it, and to the end of the rollouts.

It is responsible for tasks, retries, waiting and order. Decisions belong to `krt.core`, exchanges with Valkey to
`krt.broker`, calls to the API server to `krt.cluster`; the worker knows broker and cluster only by `core/ports`.
Start with `role.py` (all tasks), then follow an entry: `consume.py`, `take.py`, `waiting.py`, `restart.py`,
`settle.py`, `follow.py`.
"""
