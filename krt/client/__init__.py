"""`krt notify`, the side of the CI job: gets a token, announces the event, follows its rollout, writes the job's log.

It must start fast and install small, so it imports neither a web server nor Kubernetes, Valkey or cryptography. It
verifies no token: it reads its own only to explain a refusal.
Start reading in `command.py`; then `call.py` (the announcement), `follow.py` (the report), `verdict.py` (the output).
"""
