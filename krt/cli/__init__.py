"""The command line. The module of a command turns arguments and environment into a call and an exit code.

A command prints and returns its exit code (see each --help); it decides nothing that another package could decide. Only
the module of the command that runs is imported, so that `krt notify` starts without a web server.
Start reading in `main.py`; `commands.py` lists the commands, `roles.py` starts the daemon, `notify.py` the job's side.
"""
