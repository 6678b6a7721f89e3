"""Delivery: what is put on a cluster, in which order, what goes again, and which restarts a published file owes.

Responsible for every decision about objects that krt applies, each a pure function of what is wanted and of what was
read. Calls, waiting and the report of a delivery belong elsewhere. Start with `stages.py` (the order), `inventory.py`
and `pruning.py` (what goes again); for a file that is published as a Secret with `secret_bundle.py` (what is written)
and `owed_restarts.py` (what follows), for its module with `module_inputs.py` and `state_record.py`.
"""
