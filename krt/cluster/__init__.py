"""The Kubernetes API server as krt uses it: credentials, a transport, and stores that list and watch keep up to date.

Responsible for every exchange with the API server, for any resource, with its deadlines and bounds. Code that concerns
workloads only is in `workloads/`, which the modules here must not import; decisions about restarts belong to
`krt.core`. Start with `transport.py` (one call), then `reflect.py` (list and watch). Credentials come from
`kubeconfig.py` through `source.py` to `credentials.py`.
"""
