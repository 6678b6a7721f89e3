"""Sources of bundles: a reference becomes a digest and files in memory, and the image of a bundle is pushed.

Responsible for everything between a source and a `FileTree`: authentication, digests, layers, bounds. The meaning of
the files belongs to `krt.core.bundle`. Start with `fetch.py`, the port of the controller; `pull.py` and `push.py` speak
with registries, whose HTTP calls are in `registry.py`.
"""
