"""The text between the quotes of a CUE string: escapes, and the indentation of strings of several lines."""

import json
import re

_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", "/": "/", '"': '"'}
_PAIR = re.compile(r"[\ud800-\udbff][\udc00-\udfff]")


class StringInvalid(ValueError):
    """krt cannot read the string. The message is a clause that says why."""


def unindented(pieces: list[str]) -> list[str]:
    """The pieces of a string of several lines, without the last line end, each line without the common indentation.

    That indentation is the whitespace before the closing quotes. Raises StringInvalid.

    The pieces are the texts between opening quotes, interpolations and closing quotes. The first begins after the line
    end that must follow the opening quotes; the last ends with the whitespace before the closing quotes.
    """
    before, line_end, indentation = pieces[-1].rpartition("\n")
    is_empty = len(pieces) == 1 and not line_end
    if (not line_end and not is_empty) or indentation.strip(" \t"):
        raise StringInvalid("the closing quotes of a string of several lines must stand on a line of their own")
    if is_empty:
        return [""]
    cut = [_cut(piece, indentation) for piece in [*pieces[:-1], before]]
    cut[0] = _begin(cut[0], indentation)
    return cut


def _begin(piece: str, indentation: str) -> str:
    return _line(piece, indentation)


def _cut(piece: str, indentation: str) -> str:
    first, *others = piece.split("\n")
    return "\n".join((first, *(_line(each, indentation) for each in others)))


def _line(line: str, indentation: str) -> str:
    first, line_end, others = line.partition("\n")
    if first.startswith(indentation):
        return f"{first.removeprefix(indentation)}{line_end}{others}"
    if not first:
        return line
    raise StringInvalid("a line of a string is indented less than its closing quotes")


def unescaped(piece: str, escape: str) -> str:
    """The text that a piece stands for. `escape` is a backslash and the hashes of the quotes. Raises StringInvalid."""
    found, begin = list[str](), 0
    while (at := piece.find(escape, begin)) >= 0:
        text, end = _one(piece, at + len(escape))
        found += [piece[begin:at], text]
        begin = end
    return _whole("".join((*found, piece[begin:])))


def _one(piece: str, at: int) -> tuple[str, int]:
    """The character that an escape stands for, and the end of the escape."""
    kind = piece[at : at + 1]
    if kind in _SIMPLE:
        return _SIMPLE[kind], at + 1
    end = at + 1 + {"u": 4, "U": 8}.get(kind, 0)
    digits = piece[at + 1 : end]
    if len(digits) != end - at - 1 or not re.fullmatch(r"[0-9a-fA-F]+", digits) or int(digits, 16) > 0x10FFFF:
        raise StringInvalid("a string has an escape that krt does not know")
    return chr(int(digits, 16)), end


def _whole(text: str) -> str:
    """The text with each surrogate pair made one character: JSON escapes a character beyond U+FFFF as such a pair.

    Raises StringInvalid for half a pair.
    """
    text = _PAIR.sub(lambda found: found[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise StringInvalid("a string has half a surrogate pair")
    return text


def as_cue(value: object) -> str:
    """A value of JSON as CUE, which has JSON's forms. CUE refuses U+FEFF in a file, also within a string."""
    return json.dumps(value, ensure_ascii=False, default=str).replace("\ufeff", "\\ufeff")
