"""Takes the secrets of a bundle out of sentences: API servers repeat values. Pure."""

from collections.abc import Iterable

from krt.core.cue.result import STARS
from krt.secret import Secret

_SHORT = 4  # characters; a shorter text (`{`, `---`, `1`) would garble words


class Veil:
    """Replaces each of the secrets by ***, each of their lines, and each on one line."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        texts = [each.reveal() for each in secrets]
        lines = {part.strip() for text in texts for part in (text, *text.splitlines(), " ".join(text.split()))}
        self._hidden = sorted((each for each in lines if len(each) >= _SHORT), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for each in self._hidden:
            text = text.replace(each, STARS)
        return text
