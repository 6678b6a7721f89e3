"""Delivery: puts objects on a cluster, restarts what uses them, waits for it, and reports.

Responsible for the calls of a delivery, for their order and their deadlines. Every decision about an object is in
`krt.core.delivery`; the calls themselves are in `krt.cluster`. `publish.py` delivers a file as a Secret.
"""
