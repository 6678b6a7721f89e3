"""Values and decisions: events, callers, workloads, deliveries, reports, and every conclusion that krt draws from them.

Everything here is pure: no network, no clock, no Trio, no log. Of krt's other packages only `krt.errors` is imported:
the functions are given bytes, times and values. Start with `announce/event.py` (the message of a job),
`caller/policy.py` (whether the job may send it), `restart/decide.py` (whether a workload is restarted) and
`report/target.py` (the states that the job sees). `ports.py` has the protocols through which the roles use broker and
cluster.
"""
