"""krt restarts the Kubernetes workloads that run an image when a GitHub Actions job announces that it pushed the image.

Start reading in `krt/daemon/root.py`, which starts every role, or in docs/architecture.md, which follows one event
through the packages. The modules directly in this package are shared by all packages and import none of them.
"""

__version__ = "0.1.0"
