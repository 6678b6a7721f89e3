"""The composition root: starts the roles of one process, hands them their parts, and stops them.

It alone knows all sibling packages; `web.py`, `worker.py` and `controller.py` wire one role each. It decides nothing
about events, callers or workloads.
Start reading in `root.py` (`run`): the order of the start, the two nurseries, and the stop.
"""
