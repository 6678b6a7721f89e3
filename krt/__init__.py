"""krt restarts the Kubernetes workloads that run an image, when a GitHub Actions job says that it pushed it."""

__version__ = "0.1.0"
