"""Valkey over Trio streams: connections, the channel, the journal with its scripts, the reports."""
