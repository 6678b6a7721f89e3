"""The sentences of `cue` for people: short, and without the values of Secrets."""

import re
from collections.abc import Iterable

from krt.cluster.masking import Mask
from krt.delivery.cue_program import CueProgramFailed
from krt.secret import STARS, Secret

_MOST = 1000  # characters
_MOST_LINES = 20
_LINE = re.compile(r"\s*\n\s*")
_QUOTED = re.compile(r'"""(?:.|\n)*?"""|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'')


def sentence_of(error: CueProgramFailed, secrets: Iterable[Secret]) -> str:
    """Why the program failed, and its own words, without the values of `secrets`."""
    said = spoken(error.said, secrets)
    return f"{error}: {said}" if said else str(error)


def spoken(said: str, secrets: Iterable[Secret]) -> str:
    """The program's standard error on one line. If there are secrets, every quotation is left out, too.

    A quotation may have a part of a secret that nothing recognises, such as its half.
    """
    texts = {str(number): each.reveal() for number, each in enumerate(secrets)}
    if texts:
        said = _QUOTED.sub(f'"{STARS}"', said)
    lines = "\n".join(said.strip().split("\n")[:_MOST_LINES])
    one_line = _LINE.sub(" ", "".join(each if each.isprintable() or each == "\n" else " " for each in lines))
    return (Mask({"data": texts}).text(one_line) if texts else one_line)[:_MOST]
