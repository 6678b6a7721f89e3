"""Random CUE documents of the data part, in the manner of bundles and runtimes, and damaged ones."""

from collections.abc import Iterator
from random import Random

_WORDS = ("a", "b", "c", "app", "_h", "_env", "name", "replicas", "url", "host", "x", "y")
_TEXTS = ('"x"', '"dev"', '"a-b"', '""', '"oci://x/y"', '"tag \\n"', '"é\\u00e9"', '#"raw \\n"#', '"\\"q\\""')
_NUMBERS = ("0", "1", "2", "17", "-3", "1.5", "2.0", "1e3", "4Ki", "0x1f", "1_000")
_TYPES = ("string", "int", "number", "bool", "float", "_")
_OPERATORS = ("+", "-", "*", "/", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "&", "|")


class Documents:
    """A source of documents that are the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def one(self) -> str:
        """A document: fields that refer to one another, mostly to ones that are there."""
        names = list[str]()
        return "\n".join(self._declaration(0, names) for _ in range(self._random.randint(1, 7)))

    def damaged(self, text: str) -> str:
        """A document with a piece that is missing, doubled, or moved."""
        begin = self._random.randrange(len(text) + 1)
        piece = text[begin : begin + self._random.randint(1, 5)]
        rest = text[:begin] + text[begin + len(piece) :]
        at = self._random.randrange(len(rest) + 1)
        return self._random.choice((rest, text[:begin] + piece + text[begin:], rest[:at] + piece + rest[at:]))

    def _pick(self, *choices: str) -> str:
        return self._random.choice(choices)

    def _declaration(self, depth: int, names: list[str]) -> str:
        kind = self._random.random()
        if kind < 0.06:
            return f"if {self._condition(names)} {self._struct(depth + 1, names)}"
        if kind < 0.10:
            label = self._pick("(k)", '"k-\\(k)"')
            return f"for k, v in {self._source(names)} {{ {label}: {self._value(3, [*names, 'k', 'v'])} }}"
        if kind < 0.13:
            return f"let L = {self._value(2, names)}\n{self._label(names)}: L"
        if kind < 0.16 and depth:
            return self._value(depth + 1, names)
        return (
            f"{self._label(names)}: {self._value(depth, names)}{self._pick('', '', '', ' @timoni(runtime:string:X)')}"
        )

    def _label(self, names: list[str]) -> str:
        fresh = [word for word in _WORDS if word not in names]
        name = self._pick(*fresh) if fresh and self._random.random() < 0.8 else self._pick(*_WORDS)
        names.append(name)
        if self._random.random() < 0.15:
            return f"{name}: {self._pick(*_WORDS)}"
        if self._random.random() < 0.08:
            return f'"{name}-{self._pick("1", "2")}"'
        return name

    def _struct(self, depth: int, names: list[str]) -> str:
        inner = list(names)
        return "{\n" + "\n".join(self._declaration(depth, inner) for _ in range(self._random.randint(0, 3))) + "\n}"

    def _source(self, names: list[str]) -> str:
        return self._pick("[1, 2]", '{p: 1, q: "z"}', *names[-3:])

    def _condition(self, names: list[str]) -> str:
        one = self._pick("1", '"dev"', *names[-4:])
        return f"{one} {self._pick('==', '!=')} {self._pick('1', chr(34) + 'dev' + chr(34), *names[-2:])}"

    def _value(self, depth: int, names: list[str]) -> str:
        kind = self._random.random()
        if depth < 3 and kind < 0.30:
            return self._struct(depth + 1, names)
        if depth < 4 and kind < 0.37:
            return f"[{', '.join(self._value(depth + 1, names) for _ in range(self._random.randint(0, 3)))}]"
        if kind < 0.55:
            return self._pick(*names[-5:], "1")
        if kind < 0.58 and names:
            return f"{self._pick(*names)}.{self._pick(*_WORDS)}"
        if kind < 0.68:
            return f'"v-\\({self._pick("1", *names)})"'
        if kind < 0.76:
            return self._default()
        if depth < 4 and kind < 0.86:
            return self._operation(depth + 2, names)
        if depth < 4 and kind < 0.89:
            inner = [*names, "v"]
            condition = self._condition(inner)
            return f"[for v in {self._source(names)} if {condition} {{ {self._value(4, inner)} }}]"
        return self._pick(*_TEXTS, *_NUMBERS, "string", "true", "false", "null", "_")

    def _operation(self, depth: int, names: list[str]) -> str:
        if self._random.random() < 0.3:
            return f"{self._value(depth, names)} {self._pick(*_OPERATORS)} {self._value(depth, names)}"
        if self._random.random() < 0.5:
            return f"{self._pick(*_NUMBERS, *names[-2:])} {self._pick(*_OPERATORS[:10])} {self._pick(*_NUMBERS)}"
        return f"{self._pick(*names, '{p: 1}')} & {self._pick('{z: 3}', '_', *names[-3:])}"

    def _default(self) -> str:
        values = [self._pick(*_TEXTS, *_NUMBERS, *_TYPES, "true") for _ in range(self._random.randint(1, 2))]
        values.insert(0, self._pick(*_TEXTS, *_NUMBERS))
        marked = [
            f"*{value}" if self._random.random() < (0.8 if at == 0 else 0.1) else value
            for at, value in enumerate(values)
        ]
        return f"{' | '.join(marked)}"


def documents(seed: int, count: int) -> Iterator[str]:
    """So many documents for a seed, a fifth of them damaged."""
    source = Documents(seed)
    for number in range(count):
        text = source.one()
        yield source.damaged(text) if number % 5 == 4 else text
