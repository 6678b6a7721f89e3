"""Kubernetes as krt sees it: resources, keys of objects, workloads, the stage of a rollout, the status of any object.

Responsible for these values, and for reading them from an object's own fields. Transport, lists and watches belong to
`krt.cluster`, everything about events to `core/restart`. Start with `workload.py`, then `rollout.py`; for objects that
are applied, start with `manifest.py` and `kstatus.py`; to let krt restart another kind, with `restartable.py`.
"""
