"""The admin listener's app: probes, metrics and the live page. It reads only; no request changes anything.

It has no authentication, so it must never show a secret or take a command. It opens no socket and does not know Valkey:
the daemon hands in the functions that read reports.
Start reading in `app.py`; the page is `board.py` (reads once for all), `views.py` (renders), `live.py` (streams).
"""
