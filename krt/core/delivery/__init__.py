"""Delivery: the order in which objects are applied and deleted, and the restarts that a published file owes.

Responsible for every decision about objects that krt applies: each is a pure function of the wanted objects and of the
objects as they were read. Calls, waiting and the report of a delivery belong elsewhere. Start with `stages.py` (the
order), then `inventory.py` and `pruning.py` (the objects to delete). For a file that is published as a Secret,
start with `secret_bundle.py` (the write), then `owed_restarts.py` (the restarts after it). `module_inputs.py` and
`state_record.py` have the inputs and the record of HybridOps' module for such a file.
"""
