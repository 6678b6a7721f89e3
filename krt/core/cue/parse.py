"""CUE text → syntax tree, in the whole grammar. Reference: https://cuelang.org/docs/reference/spec/."""

from krt.core.cue.nodes import CueDocument, Expression, StructLiteral
from krt.core.cue.parse_struct import StructParser
from krt.core.cue.reader import TOO_DEEP, TokenReader
from krt.core.cue.refusals import CueInvalid, SourcePlace
from krt.core.cue.scan import tokens_of


def parse(content: bytes, file: str) -> CueDocument:
    """The file's tree. `file` stands in each message. Raises CueInvalid, and CueBeyond for a token krt cannot read.

    Any other form beyond the data part raises nothing: `CueDocument.beyond` has the first one.
    """
    text = _text(content, file)
    reader = TokenReader(tokens_of(text, file), file)
    package = _preamble(reader)
    try:
        declarations = StructParser(reader).declarations("end")
    except RecursionError:
        raise reader.wrong(TOO_DEEP) from None
    return CueDocument(
        text, StructLiteral(SourcePlace(file, 1), declarations), package, reader.beyond, tuple(reader.attributed)
    )


def parse_expression(text: str, name: str) -> Expression:
    """One expression, such as `obj.data.x`; `name` says in each message where it stands. Raises CueRefused."""
    reader = TokenReader(tokens_of(text, name), name)
    found = StructParser(reader).expression()
    reader.take_if("comma")
    if reader.kind != "end":
        raise reader.wrong("an expression is expected, and nothing after it")
    if reader.beyond:
        raise reader.beyond
    return found


def _text(content: bytes, file: str) -> str:
    try:
        text = content.decode().removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise CueInvalid(SourcePlace(file, 1), "the file is not text in UTF-8") from None
    for character in "\r\0":
        if character in text:
            line = text.count("\n", 0, text.index(character)) + 1
            raise CueInvalid(SourcePlace(file, line), "the file has a character that no text has")
    return text


def _preamble(reader: TokenReader) -> str:
    """Pass over attributes, the package clause and imports; return the package's name, "" if there is none."""
    _attributes(reader)
    package = ""
    if reader.is_word("package") and reader.after.kind == "name":
        reader.next()
        package = reader.next().text
        _end(reader)
    _attributes(reader)
    while reader.is_word("import") and reader.after.kind in {"name", "string", "("}:
        reader.note("imports")
        _import(reader)
        _attributes(reader)
    return package


def _attributes(reader: TokenReader) -> None:
    while reader.kind == "attribute":
        reader.note("attributes of a whole file")
        reader.next()
        _end(reader)


def _import(reader: TokenReader) -> None:
    reader.next()
    if not reader.take_if("("):
        reader.take_if("name")
        reader.expect("string", "the path of an import")
    else:
        while reader.kind in {"name", "string", "comma"}:
            reader.next()
        reader.expect(")", "the ) after imports")
    _end(reader)


def _end(reader: TokenReader) -> None:
    if reader.kind != "end":
        reader.expect("comma", "a line end")
