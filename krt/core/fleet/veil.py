"""Takes the secrets of a bundle out of sentences: API servers repeat values. Pure."""

from collections.abc import Iterable

from krt.core.secret_forms import SHORT, forms_of
from krt.secret import STARS, Secret


class Veil:
    """Replaces by *** each of the secrets in each of its forms, and on one line."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        texts = [each.reveal() for each in secrets]
        found = {form for text in texts for form in (*forms_of(text), " ".join(text.split()))}
        self._hidden = sorted((each for each in found if len(each) >= SHORT), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for each in self._hidden:
            text = text.replace(each, STARS)
        return text
