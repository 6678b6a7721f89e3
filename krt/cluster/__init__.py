"""The Kubernetes API server as krt uses it: credentials, calls, and the index of workloads that list and watch keep."""
