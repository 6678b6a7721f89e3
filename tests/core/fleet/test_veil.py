"""Sentences of API servers do not show the secrets of a bundle."""

import pytest

from krt.core.fleet.veil import Veil
from krt.secret import Secret


@pytest.mark.parametrize(
    "sentence", ["no hunter2\ttwo here", "no hunter2 two here", "no next line here", "no hunter2 two next line here"]
)
def test_no_form_of_a_secret_is_shown(sentence: str) -> None:
    """Seen to fail with a secret's own lines alone: an API server's sentence has no tab."""
    assert Veil([Secret("hunter2\ttwo\nnext line"), Secret("hunter2\ttwo")])(sentence) == "no *** here"


@pytest.mark.parametrize("form", ['pa"ss\\word', 'pa\\"ss\\\\word', "cGEic3Ncd29yZA=="])
def test_a_secret_is_found_as_an_api_server_quotes_it_and_as_base64(form: str) -> None:
    """Seen to fail with the secret's own text alone."""
    assert Veil([Secret('pa"ss\\word')])(f'Invalid value: "{form}"') == 'Invalid value: "***"'
