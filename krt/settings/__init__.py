"""Every setting of krt: its variable, flag, default and meaning, one row each, and the reading of one start's values.

It decides nothing at run time: each part gets its own values from the daemon. No daemon reads a setting elsewhere; only
variables that other programs know, too, are read where they are used (HTTPS_PROXY, SSL_CERT_FILE, Kubernetes' own).
Start reading in `parts.py`, the table; `table.py` reads it, `values.py` parses single values, `load.py` one start,
`guide.py` generates docs/configuration.md.
"""
