"""Whether a workload is restarted, when, and how the restart ended.

Responsible for every decision about a restart, each a pure function of a workload as it was read, an event and a time.
Calls, retries and waiting belong to `krt.worker`; the states of a report belong to `core/report`. Start with
`matching.py` (whether an event concerns the workload), then `decide.py` (now or later), `mark.py` (the annotation that
remembers the restart) and `progress.py` (the state for the report).
"""
