"""Sources of bundles: a reference becomes a digest and files in memory, and a bundle becomes an image.

Responsible for everything between a source and a `FileTree`: authentication, digests, layers, bounds. The meaning of
the files belongs to `krt.core.bundle`. Start with `fetch.py`, the port of the controller; `pull.py` and `push.py` speak
with registries, whose HTTP calls are in `registry.py`.
"""
