"""The protocols through which other parts use broker and cluster. `krt/daemon` gives those parts the implementations.

Every call to the broker is one or more exchanges with Valkey, and each exchange has a deadline of its own. A time is in
seconds since the epoch by Valkey's clock, unless its docstring says otherwise.
"""
