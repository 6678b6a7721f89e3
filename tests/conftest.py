"""Shared fixtures; each part brings its own."""

pytest_plugins = ["tests.apiserver.plugin"]
