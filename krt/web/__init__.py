"""The public side of `krt web`: it decides who may call and how often, answers each call, and records each request.

It opens no socket (krt.serving), reads no token (krt.oidc) and does not speak to Valkey (krt.broker): the daemon
hands in functions for all three. No answer may hold policy, keys or parts of a token.
Start reading in `gate.py`, which judges a request by its head, then `app.py` and `call.py`; `answers.py` has the words.
"""
