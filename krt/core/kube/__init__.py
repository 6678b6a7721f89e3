"""Kubernetes as krt sees it: resources, keys of objects, workloads, and how far a rollout is.

Responsible for values and for reading a workload's status. The transport, the decoding of an API server's JSON and
anything about events belong elsewhere: `krt.cluster` and `core/restart`. Start with `workload.py`, then `rollout.py`;
to let krt restart another kind, start with `restartable.py`.
"""
