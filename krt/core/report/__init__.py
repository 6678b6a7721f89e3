"""The report of an event: the states of its workloads, of the groups of workers and of the event itself.

Responsible for these states, the conclusion about the event, their form in Valkey and the document that a job reads.
Nothing here reads a cluster or decides about a restart: `core/restart` does. Start with `target.py` (the table of
states), then `report.py`, `conclusion.py` and `document.py`.
"""
