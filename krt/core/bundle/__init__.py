"""Bundles: from the files of a bundle to the objects in it, and from a folder's files to the bytes of an image.

Responsible for what a bundle means: each function is pure and gets files as bytes. Where the files come from belongs to
`krt.sources`, what becomes of the objects to `krt.core.delivery`. Start with `plain.py`, the format plain+v0.
"""
