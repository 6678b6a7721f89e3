"""The HTTP/1.1 server under krt's listeners: sockets, connections, request heads, limits, and the drain at the end.

It knows nothing of tokens, events or Valkey: an app and a gate are handed in. Only this package imports Hypercorn.
Start reading in `http.py` (`serve`), then `connection.py`; `hardened.py` says which parts of Hypercorn are replaced.
krt does not use Hypercorn's own server: hardened.py lists its measured faults. uvicorn and granian do not run on Trio.
"""
