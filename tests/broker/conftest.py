"""Tests of the broker talk to a real Valkey unless they say otherwise."""

from tests.fakes.valkey import client, endpoint, valkey

__all__ = ["client", "endpoint", "valkey"]
