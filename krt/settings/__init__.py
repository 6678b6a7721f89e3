"""Every setting of krt: its variable, flag, default and meaning, one row each, and the reading of one start's values.

It decides nothing at run time: each part gets its own values from the daemon. No other package reads the environment
for a setting; two take variables that are everybody's (krt.proxies, and the kubeconfig's home).
Start reading in `parts.py`, the table; `table.py` reads it, `values.py` parses single values, `load.py` one start,
`guide.py` generates docs/configuration.md.
"""
