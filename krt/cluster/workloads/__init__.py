"""The part of `krt.cluster` that concerns workloads: their index, the calls that read and restart them, namespaces.

Responsible for decoding workloads and for the patch that restarts one. Transport, credentials, list and watch belong
to `krt.cluster`, which does not know this package. Start with `open.py` (the parts together), then `wire.py` (which
fields are read) and `calls.py` (the patch).
"""
