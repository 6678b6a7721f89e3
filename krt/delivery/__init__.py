"""Delivers: puts objects on a cluster, restarts the workloads that use them, waits for both, prunes, and reports.

Responsible for the calls of a delivery, for their order and their deadlines, and for the inventory of an owner's
objects. Every decision about an object is in `krt.core.delivery`; the calls themselves are in `krt.cluster`. Start with
`deliver.py` and `destroy.py` for any objects (docs/decisions/0013 says how many requests they send, and why);
`publish.py` delivers a file as a Secret.
"""
