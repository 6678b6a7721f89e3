"""Documents in the manner of real bundles and runtimes, and of everything that a person might write beside them."""

from pathlib import Path


def corpus() -> dict[str, str]:
    """The documents of corpus.txt by name."""
    return sections(Path(__file__).parent / "corpus.txt")


def sections(file: Path) -> dict[str, str]:
    """The parts of a file by name: each follows a line `=== name`."""
    text = file.read_text(encoding="utf-8")
    parts = [part.partition("\n") for part in f"\n{text}".split("\n=== ")[1:]]
    return {name: document for name, _, document in parts}
