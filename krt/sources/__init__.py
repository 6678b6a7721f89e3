"""Sources of bundles: an OCI registry's reference becomes a digest and files in memory, and a bundle becomes an image.

Responsible for everything between a reference and a `FileTree`: authentication, digests, layers, bounds. The meaning of
the files belongs to `krt.core.bundle`. Start with `pull.py` and `push.py`; `registry.py` has the HTTP calls.
"""
