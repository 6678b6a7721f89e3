"""Valkey over Trio streams: connections, the channel, the journal, the reports, and the scripts that change them.

It is responsible for everything that krt stores in Valkey, and for the bounds and deadlines of each exchange. The
meaning of events and reports belongs to `krt.core`; scripts compare and store, and decide only where two writers could
meet. Start with `keys.py` (all that is stored), then `scripts.py` and `journal.py`; a command goes through `client.py`,
`pool.py` and `connection.py`.
"""
