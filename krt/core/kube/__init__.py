"""Kubernetes as krt sees it: resources, keys of objects, workloads, how far a rollout is, the status of any object.

Responsible for values, and for reading what an object says of itself. The transport, lists and watches and anything
about events belong elsewhere: `krt.cluster` and `core/restart`. Start with `workload.py`, then `rollout.py`; for
objects that are applied, with `manifest.py` and `kstatus.py`; to let krt restart another kind, with `restartable.py`.
"""
