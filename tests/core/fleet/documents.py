"""Runtimes and bundles of every shape that docs/fleet.md names, by what each shows."""

from pathlib import Path

from tests.cuelang.corpus import sections

DOCUMENTS = sections(Path(__file__).parent / "documents.txt")
