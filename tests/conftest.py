"""Shared fixtures; each part brings its own."""

import gc

pytest_plugins = ["tests.apiserver.plugin"]


def pytest_collection_finish() -> None:
    """Five thousand collected tests are walked through by every full collection of garbage, unless they are set aside."""
    gc.collect()
    gc.freeze()
