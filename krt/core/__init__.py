"""Values and decisions: what krt knows of events, callers, workloads and reports, and what it concludes from them.

Everything here is pure: no network, no clock, no Trio, no log. Of krt's other packages only `krt.errors` is imported:
callers hand in bytes, times and values. Start with `announce/event.py` (what a job says), `caller/policy.py` (whether
it may), `restart/decide.py` (what happens to a workload) and `report/target.py` (what the job is told); `ports.py` has
the protocols by which the roles use broker and cluster.
"""
