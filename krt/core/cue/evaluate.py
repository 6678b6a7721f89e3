"""The value of a CUE document. Pure.

Each field is evaluated when it is needed, from all values that it must have at once. A reference to a struct takes over
the struct's declarations, so that names in them mean the fields of the new struct. If the order of evaluation could
change a value, krt refuses the document (CueBeyond): it never guesses.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from krt.core.cue.budget import Budget
from krt.core.cue.compute import Compute
from krt.core.cue.names import check_names, names_of
from krt.core.cue.node import LexicalScope, Node
from krt.core.cue.nodes import CueDocument, Expression
from krt.core.cue.refusals import CueBeyond, CueInvalid, SourcePlace
from krt.core.cue.result import Result
from krt.core.cue.unify import Unify
from krt.core.cue.values import CueScalar


def evaluate(*documents: CueDocument) -> Result:
    """The value of the files of one instance. Raises CueRefused.

    Top-level names are shared among the files, as `cue export FILE…` shares them.
    """
    _check_files(documents)
    names = frozenset().union(*(names_of(each.struct) for each in documents))
    root = Node(documents[0].struct.place)
    scope = LexicalScope(None, root, names)
    root.conjuncts += [(each.struct, scope) for each in documents]
    for each in documents if len(documents) > 1 else ():
        root.prepare(each.struct)
        root.note_late_fields()
    with _within_bounds(root.place):
        for each in documents:
            check_names(each.struct, names)
        return _result(root)


def evaluate_constant(expression: Expression, name: str, value: Node) -> CueScalar | None:
    """The constant that an expression is, in which one name means `value`; None if it is a list or struct.

    Raises CueRefused.
    """
    compute = Compute(Unify(Budget()))
    with _within_bounds(expression.place):
        found = compute.concrete(expression, LexicalScope(None, bound={name: value}))
    return found if isinstance(found, CueScalar) else None


def _result(root: Node) -> Result:
    unify = Unify(Budget())
    Compute(unify)
    return Result.of(unify, root)


@contextmanager
def _within_bounds(place: SourcePlace) -> Iterator[None]:
    try:
        yield
    except RecursionError:
        raise CueInvalid(place, "values are nested or depend on one another too deeply") from None


def _check_files(documents: tuple[CueDocument, ...]) -> None:
    for each in documents:
        if each.beyond:
            raise each.beyond
    packages = {each.package for each in documents}
    if len(packages) > 1:
        raise CueBeyond(SourcePlace(documents[0].struct.place.file, 1), "files of different packages")
