"""Implements `krt notify`, which a CI job runs: it gets a token, announces the event, follows its rollout and logs it.

It must start fast and install small, so it imports no web server, no client of Kubernetes or Valkey, no cryptography.
It verifies no token: it reads the job's own token to learn when that expires, and to explain a refusal.
Start reading in `command.py`; then `call.py` (the announcement), `follow.py` (the report), `verdict.py` (the output).
"""
