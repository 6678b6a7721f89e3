"""The value of a document in CUE: krt reads it itself, else the program `cue` does."""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from krt.core.cue.evaluate import evaluate
from krt.core.cue.nodes import CueDocument
from krt.core.cue.refusals import CueBeyond
from krt.core.cue.result import Result
from krt.core.fleet.attributes import secrets_in
from krt.core.fleet.extract import RuntimeVariable
from krt.core.fleet.inject import inject, injected_text
from krt.core.fleet.masked import masked_value
from krt.core.fleet.refusals import FleetInvalid
from krt.delivery.cue_build import exported
from krt.delivery.cue_program import INSTALL, CueProgram, CueProgramFailed
from krt.delivery.cue_words import sentence_of

_ODD = re.compile(r"[^A-Za-z0-9._-]")


async def evaluated(
    documents: Sequence[CueDocument], variables: Mapping[str, RuntimeVariable], program: CueProgram | None
) -> Result:
    """The value of the files of one instance with these variables. Raises CueRefused and FleetInvalid."""
    try:
        return evaluate(*(inject(each, variables) for each in documents))
    except CueBeyond as error:
        if program is None:
            raise FleetInvalid(f"{error}: {INSTALL}") from None
    return await _by_program(documents, variables, program)


async def _by_program(
    documents: Sequence[CueDocument], variables: Mapping[str, RuntimeVariable], program: CueProgram
) -> Result:
    secrets = [each for document in documents for each in secrets_in(document, variables)]
    files = {
        _name(number, each, len(documents)): injected_text(each, variables).encode()
        for number, each in enumerate(documents)
    }
    try:
        value = await exported(program, files, [f"./{name}" for name in files])
    except CueProgramFailed as error:
        raise FleetInvalid(sentence_of(error, secrets)) from None
    return Result(value, masked_value(value, secrets))


def _name(number: int, document: CueDocument, count: int) -> str:
    """The name by which `cue` speaks of the file."""
    name = _ODD.sub("_", PurePath(document.struct.place.file).name)
    name = name if name.endswith(".cue") else f"{name}.cue"
    return name if count == 1 else f"{number + 1}-{name}"
