"""Bundles: from the files of a bundle to the objects in it, and from a folder's files to the bytes of an image.

Responsible for the meaning of a bundle: each function is pure and gets files as bytes. The reading of the files belongs
to `krt.sources`, the delivery of the objects to `krt.core.delivery`. Start with `plain.py`, the format plain+v0.
"""
