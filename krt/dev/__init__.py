"""The servers that `krt all --dev` embeds: a Valkey, an OIDC issuer with a real key, and a stand-in cluster.

The tests use the same servers. Nothing here may run in production, listen beyond loopback, or be imported by a role:
only `krt/cli/dev.py` imports it.
Start reading in `embed.py`; `cluster/__init__.py` lists how the stand-in differs from a real API server.
"""
