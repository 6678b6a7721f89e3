"""The tokens of a CUE file. Reference: https://cuelang.org/docs/reference/spec/#lexical-elements."""

import re

from krt.core.cue.lexemes import Lexeme, Part
from krt.core.cue.numbers import number_at
from krt.core.cue.refusals import CueBeyond, CueInvalid, SourcePlace
from krt.core.cue.strings import StringInvalid, unescaped, unindented

MOST_CHARACTERS = 1024 * 1024
MOST_TOKENS = 50_000
MOST_NESTED = 20  # interpolations within interpolations

_BLANK = re.compile(r"(?:[ \t]|//[^\n]*)+")
_NAME = re.compile(r"(?:_#|#)?[A-Za-z_$\u0080-\U0010ffff][\w$]*|#(?!['\"#])")
_QUOTES = re.compile(r"(#*)(\"\"\"(?=\n)|'''(?=\n)|\"|')")
_OPERATOR = re.compile(r"_\|_|\.\.\.|&&|\|\||==|!=|<=|>=|=~|!~|[-+*/&|=<>!(){}\[\]:,.?~;]")
_MARKS = str.maketrans("#$", "__")
_LINES = re.compile(r"[ \t\n]+")
_PLAIN = re.compile(r"[^\\\n\"'#]+")
_ENDS = {
    "name",
    "number",
    "string",
    "bytes",
    "attribute",
    ")",
    "]",
    "}",
    "?",
    "...",
    "_|_",
}  # a line may end after them
_PAIRS = {"(": ")", "[": "]", "{": "}"}


def tokens_of(text: str, file: str) -> tuple[Lexeme, ...]:
    """The file's tokens; the last one is an `end`. Raises CueInvalid, and CueBeyond for a token krt cannot read."""
    if len(text) > MOST_CHARACTERS:
        raise CueInvalid(SourcePlace(file, 1), f"the file has more than {MOST_CHARACTERS} characters")
    scan = _Scan(text, file)
    found = scan.until("", 0)
    return (*found, Lexeme("end", "", scan.line, scan.at, scan.at))


class _Scan:
    def __init__(self, text: str, file: str) -> None:
        self._text, self._file = text, file
        self.at, self.line = 0, 1
        self._tokens = 0

    def until(self, closing: str, depth: int) -> tuple[Lexeme, ...]:
        """The tokens up to the bracket that closes an interpolation, or to the end of the file for ""."""
        found, open_brackets = list[Lexeme](), 0
        while self._skip(found):
            token = self._token(depth)
            if token.kind == closing and not open_brackets:
                return tuple(found)
            open_brackets += (token.kind == "(") - (token.kind == ")")
            found.append(token)
            self._count()
        if closing:
            raise self.wrong("an interpolation does not end")
        if found and found[-1].kind in _ENDS:
            found.append(self._made("comma", "\n", self.at))
        return tuple(found)

    def _count(self) -> None:
        self._tokens += 1
        if self._tokens > MOST_TOKENS:
            raise self.wrong(f"the file has more than {MOST_TOKENS} tokens")

    def _skip(self, found: list[Lexeme]) -> bool:
        """Pass over blanks, comments and line ends; a line end after some tokens is a comma. False at the end."""
        while self.at < len(self._text):
            if blank := _BLANK.match(self._text, self.at):
                self.at = blank.end()
            elif self._text[self.at] == "\n":
                self._end_line(found)
            else:
                return True
        return False

    def _end_line(self, found: list[Lexeme]) -> None:
        """Add the comma for a line end, unless the next line begins with a comma or colon, as JSON may."""
        blank = _LINES.match(self._text, self.at)
        assert blank
        if found and found[-1].kind in _ENDS and self._text[blank.end() : blank.end() + 1] not in {",", ":"}:
            found.append(self._made("comma", "\n", self.at))
        self.line += blank[0].count("\n")
        self.at = blank.end()

    def _token(self, depth: int) -> Lexeme:
        begin, text = self.at, self._text
        if text[begin].isdigit() or (text[begin] == "." and text[begin + 1 : begin + 2].isdigit()):
            return self._number(begin)
        if quotes := _QUOTES.match(text, begin):
            return self._string(quotes, depth)
        if text[begin] == "@":
            return self._attribute(begin)
        if text.startswith("_|_", begin):
            self.at += 3
            return self._made("_|_", "_|_", begin)
        if (name := _NAME.match(text, begin)) and name[0].translate(_MARKS).isidentifier():
            self.at = name.end()
            return self._made("name", name[0], begin)
        if operator := _OPERATOR.match(text, begin):
            self.at = operator.end()
            return self._made("comma" if operator[0] == "," else operator[0], operator[0], begin)
        raise self.wrong("a character stands here that CUE does not know")

    def _number(self, begin: int) -> Lexeme:
        self.at, value = number_at(self._text, begin)
        if value is None:
            raise CueBeyond(SourcePlace(self._file, self.line), "numbers of this form or size")
        return Lexeme("number", self._text[begin : self.at], self.line, begin, self.at, value=value)

    def _made(self, kind: str, text: str, begin: int) -> Lexeme:
        return Lexeme(kind, text, self.line, begin, self.at)

    def wrong(self, problem: str) -> CueInvalid:
        return CueInvalid(SourcePlace(self._file, self.line), problem)

    def _string(self, quotes: re.Match[str], depth: int) -> Lexeme:
        hashes, mark = quotes[1], quotes[2]
        begin, line, escape, end = self.at, self.line, f"\\{hashes}", f"{mark}{hashes}"
        is_long = len(mark) == 3
        self.at = quotes.end() + is_long
        self.line += is_long
        pieces, parts = self._pieces(escape, end, depth, is_long=is_long)
        try:
            texts = [unescaped(piece, escape) for piece in (unindented(pieces) if is_long else pieces)]
        except StringInvalid as error:
            raise CueInvalid(SourcePlace(self._file, line), str(error)) from None
        found = list[Part]([texts[0]])
        for part, text in zip(parts, texts[1:], strict=True):
            found += [part, text]
        kind = "bytes" if "'" in mark else "string"
        return Lexeme(kind, self._text[begin : self.at], line, begin, self.at, parts=tuple(found))

    def _pieces(
        self, escape: str, end: str, depth: int, *, is_long: bool
    ) -> tuple[list[str], list[tuple[Lexeme, ...]]]:
        """The texts between quotes and interpolations as they stand in the file, and the interpolations' tokens."""
        pieces, parts, begin, at_start = list[str](), list[tuple[Lexeme, ...]](), self.at, is_long
        while True:
            rest = self._text[self.at : self.at + len(escape) + 1]
            if not rest or (rest[0] == "\n" and not is_long):
                raise self.wrong("a string does not end")
            if self._text.startswith(end, self.at) and (at_start or not is_long):
                pieces.append(self._text[begin : self.at])
                self.at += len(end)
                return pieces, parts
            if rest == f"{escape}(":
                pieces.append(self._text[begin : self.at])
                parts.append(self._interpolation(escape, depth))
                begin, at_start = self.at, False
                continue
            if plain := _PLAIN.match(self._text, self.at):
                self.at = plain.end()
                at_start = at_start and not plain[0].strip(" \t")
                continue
            self.line += rest[0] == "\n"
            at_start = rest[0] == "\n"
            self.at += len(rest) if rest.startswith(escape) else 1

    def _interpolation(self, escape: str, depth: int) -> tuple[Lexeme, ...]:
        if depth >= MOST_NESTED:
            raise self.wrong(f"interpolations are nested deeper than {MOST_NESTED} levels")
        self.at += len(escape) + 1
        found = self.until(")", depth + 1)
        return (*found, self._made("end", "", self.at))

    def _attribute(self, begin: int) -> Lexeme:
        """`@name(…)`: brackets within are balanced, and strings may hold any of them."""
        name = re.compile(r"@[A-Za-z_$][\w$]*\(").match(self._text, begin)
        if not name:
            raise CueBeyond(SourcePlace(self._file, self.line), "attributes of this form")
        line, self.at, open_brackets = self.line, name.end(), [")"]
        ignored = list[Lexeme]()
        while open_brackets and self._skip(ignored):
            kind = self._token(MOST_NESTED).kind
            self._count()
            if kind in _PAIRS:
                open_brackets.append(_PAIRS[kind])
            elif kind in _PAIRS.values() and kind != open_brackets.pop():
                raise self.wrong("the brackets of an attribute do not match")
        if open_brackets:
            raise self.wrong("an attribute does not end")
        return Lexeme("attribute", self._text[begin : self.at], line, begin, self.at)
