"""The command line: one module for each command, which turns arguments and environment into a call and an exit code.

A command prints, and returns 0, 1 or 2 (see each epilog); it decides nothing that another package could decide. Each
command imports its parts only when it runs, so that `krt notify` starts without a web server.
Start reading in `main.py`, the list of commands; `roles.py` starts the daemon, `notify.py` the job's side.
"""
