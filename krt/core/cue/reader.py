"""A list of tokens that is read from left to right, and the first form beyond the data part in it."""

from krt.core.cue.lexemes import Lexeme
from krt.core.cue.nodes import Field
from krt.core.cue.refusals import CueBeyond, CueInvalid, SourcePlace

MOST_DEPTH = 64
TOO_DEEP = f"values are nested deeper than {MOST_DEPTH} levels"


class TokenReader:
    """`beyond` is the first form beyond the data part, if there is one. `attributed` are the fields with attributes."""

    def __init__(self, tokens: tuple[Lexeme, ...], file: str) -> None:
        self._tokens, self._file, self._at = tokens, file, 0
        self.depth = 0
        self.beyond: CueBeyond | None = None
        self.attributed = list[Field]()

    @property
    def token(self) -> Lexeme:
        """The next token."""
        return self._tokens[self._at]

    @property
    def kind(self) -> str:
        """The next token's kind."""
        return self._tokens[self._at].kind

    @property
    def after(self) -> Lexeme:
        """The token after the next."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    @property
    def second_after(self) -> Lexeme:
        """The token after `after`."""
        return self._tokens[min(self._at + 2, len(self._tokens) - 1)]

    @property
    def last(self) -> Lexeme:
        """The token that was read last."""
        return self._tokens[max(self._at - 1, 0)]

    @property
    def end_of_last(self) -> int:
        """Where the token that was read last ends in the file."""
        return self._tokens[self._at - 1].end if self._at else 0

    @property
    def place(self) -> SourcePlace:
        """The next token's place."""
        return SourcePlace(self._file, self.token.line)

    def is_word(self, *words: str) -> bool:
        """Whether the next token is one of these names."""
        return self.kind == "name" and self.token.text in words

    def next(self) -> Lexeme:
        """Read one token. The last one, `end`, is never passed."""
        token = self.token
        self._at += token.kind != "end"
        return token

    def take_if(self, kind: str) -> Lexeme | None:
        """Read the next token if it is of this kind."""
        return self.next() if self.kind == kind else None

    def expect(self, kind: str, what: str) -> Lexeme:
        """Read a token of this kind. Raises CueInvalid."""
        if self.kind != kind:
            raise self.wrong(f"{what} is expected")
        return self.next()

    def deeper(self) -> None:
        """Count one level of nesting. Raises CueInvalid if it is one too many."""
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise self.wrong(TOO_DEEP)

    def wrong(self, problem: str) -> CueInvalid:
        """The refusal of the next token."""
        return CueInvalid(self.place, problem)

    def note(self, what: str, place: SourcePlace | None = None) -> None:
        """Note a form that is beyond the data part."""
        self.beyond = self.beyond or CueBeyond(place or self.place, what)

    def within(self, tokens: tuple[Lexeme, ...]) -> "TokenReader":
        """A reader of an interpolation's tokens, for the same file."""
        inner = TokenReader(tokens, self._file)
        inner.depth = self.depth
        inner.attributed = self.attributed
        return inner
