"""A Runtime document: its clusters in their order, and the values that bundles take from each. Pure.

Reference: the schema `#Runtime` of Timoni's manual; the patterns of names are those of its module.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from krt.core.cue.names import check_expression
from krt.core.cue.nodes import Expression
from krt.core.cue.parse import parse_expression
from krt.core.cue.refusals import CueBeyond, CueRefused
from krt.core.cue.result import JsonValue
from krt.core.fleet.query import Query, parse_query
from krt.core.fleet.refusals import FleetInvalid

API_VERSION = "v1alpha1"
MOST_CLUSTERS, MOST_VALUES = 1_000, 1_000

T = TypeVar("T")

_NAME = re.compile(r"(([a-z0-9][-a-z0-9_]*)?[a-z0-9])?")
_CLUSTER = re.compile(r"([a-z0-9][-a-z0-9_.]*)?[a-z0-9]")  # not "", which stands for a runtime without clusters
_VARIABLE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_]*)?[A-Za-z0-9])?")
_MOST_NAME = 63
_KNOWN = {"apiVersion", "name", "clusters", "values"}
_CLUSTER_FIELDS = {"group", "kubeContext"}
_QUERY_FIELDS = {"query", "for", "optional"}


@dataclass(frozen=True, slots=True)
class RuntimeCluster:
    """One cluster. If the runtime defines no clusters, name and group are "", and `context` may be "", too."""

    name: str = ""
    group: str = ""
    context: str = ""

    def __str__(self) -> str:
        return f"cluster {self.name}, group {self.group}, context {self.context}"

    @property
    def title(self) -> str:
        """The cluster and a colon, to begin a sentence with; "" if the runtime defines none."""
        return f"{self}: " if self.name else ""


@dataclass(frozen=True, slots=True)
class RuntimeQuery:
    """One entry of `values`: the object, and for each variable the expression over `obj`, as text and as tree."""

    query: Query
    expressions: Mapping[str, tuple[str, Expression]]
    is_optional: bool


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime. `clusters` are in the order of their definition, and may be none. `unknown` has ignored fields."""

    name: str
    clusters: tuple[RuntimeCluster, ...]
    queries: tuple[RuntimeQuery, ...]
    unknown: tuple[str, ...] = ()

    def select(self, cluster: str, group: str, context: str) -> tuple[RuntimeCluster, ...]:
        """The clusters of this name and group, in any case; `*` and "" fit all. Raises FleetInvalid if there is none.

        If the runtime defines no clusters, there is one: that of `context`, or of the kubeconfig's own context for "".
        """
        defined = self.clusters or (RuntimeCluster(context=context),)
        found = tuple(each for each in defined if _fits(cluster, each.name) and _fits(group, each.group))
        if not found:
            raise FleetInvalid("no cluster found")
        return found


def read_runtime(value: JsonValue, unordered: frozenset[tuple[str | int, ...]] = frozenset()) -> Runtime:
    """The runtime of a document's value. Raises FleetInvalid with every problem.

    `unordered` has the paths of structs whose fields have no certain order.
    """
    runtime = value.get("runtime") if isinstance(value, dict) else None
    if not isinstance(runtime, dict):
        raise FleetInvalid("the document has no field runtime that is a struct")
    problems = list(_problems(runtime))
    clusters = _each(problems, _clusters(runtime.get("clusters", {})))
    queries = _each(problems, _queries(runtime.get("values", [])))
    if ("runtime", "clusters") in unordered and len(clusters) > 1:
        problems.append("runtime.clusters: their order is not certain: write all into one struct, without for and if")
    if problems:
        raise FleetInvalid(*problems)
    return Runtime(str(runtime["name"]), tuple(clusters), tuple(queries), tuple(_unknown(runtime)))


def _unknown(runtime: dict[str, JsonValue]) -> Iterator[str]:
    """The paths of fields that the schema does not have, in a runtime that is right."""
    clusters, values = runtime.get("clusters"), runtime.get("values")
    parts: list[tuple[str, JsonValue, set[str]]] = [("runtime", runtime, _KNOWN)]
    if isinstance(clusters, dict):
        parts += [(f"runtime.clusters.{name}", each, _CLUSTER_FIELDS) for name, each in clusters.items()]
    if isinstance(values, list):
        parts += [(f"runtime.values[{at}]", each, _QUERY_FIELDS) for at, each in enumerate(values)]
    for where, fields, known in parts:
        if isinstance(fields, dict):
            yield from (f"{where}.{name}" for name in fields if name not in known)


def _fits(wanted: str, name: str) -> bool:
    return wanted in {"", "*"} or wanted.casefold() == name.casefold()


def _problems(runtime: dict[str, JsonValue]) -> Iterator[str]:
    if "apiVersion" not in runtime:
        yield "runtime.apiVersion is required"
    elif runtime["apiVersion"] != API_VERSION:
        yield f"runtime.apiVersion must be {API_VERSION}"
    if "name" not in runtime:
        yield "runtime.name is required"
    elif problem := _name_problem(runtime["name"], _NAME):
        yield f"runtime.name {problem}"


def _name_problem(name: JsonValue, pattern: re.Pattern[str]) -> str:
    if not isinstance(name, str) or not pattern.fullmatch(name):
        return f"must be a text that matches {pattern.pattern}"
    return f"has more than {_MOST_NAME} characters" if len(name) > _MOST_NAME else ""


def _each(problems: list[str], found: Iterator[T | FleetInvalid]) -> list[T]:
    """The results without refusals, whose sentences are added to `problems`."""
    results = list(found)
    for each in results:
        if isinstance(each, FleetInvalid):
            problems += each.problems
    return [each for each in results if not isinstance(each, FleetInvalid)]


def _clusters(value: JsonValue) -> "Iterator[RuntimeCluster | FleetInvalid]":
    if not isinstance(value, dict) or len(value) > MOST_CLUSTERS:
        yield FleetInvalid(f"runtime.clusters must be a struct of at most {MOST_CLUSTERS} clusters")
        return
    for name, fields in value.items():
        where = f"runtime.clusters.{name[:_MOST_NAME]}"
        if problem := _name_problem(name, _CLUSTER):
            yield FleetInvalid(f"{where}: its name {problem}")
        elif not isinstance(fields, dict) or not all(isinstance(fields.get(f), str) for f in ("group", "kubeContext")):
            yield FleetInvalid(f"{where}: group and kubeContext are required, each a text")
        else:
            yield RuntimeCluster(name, str(fields["group"]), str(fields["kubeContext"]))


def _queries(value: JsonValue) -> "Iterator[RuntimeQuery | FleetInvalid]":
    if not isinstance(value, list) or len(value) > MOST_VALUES:
        yield FleetInvalid(f"runtime.values must be a list of at most {MOST_VALUES} queries")
        return
    for at, fields in enumerate(value):
        try:
            yield _query(f"runtime.values[{at}]", fields)
        except FleetInvalid as error:
            yield error


def _query(where: str, fields: JsonValue) -> RuntimeQuery:
    if not isinstance(fields, dict):
        raise FleetInvalid(f"{where} must be a struct")
    text, expressions, optional = fields.get("query"), fields.get("for"), fields.get("optional", False)
    if not isinstance(text, str):
        raise FleetInvalid(f"{where}.query is required, a text")
    if not isinstance(expressions, dict):
        raise FleetInvalid(f"{where}.for is required, a struct of names and expressions")
    if not isinstance(optional, bool):
        raise FleetInvalid(f"{where}.optional must be true or false")
    parsed = {name: _expression(where, name, each) for name, each in expressions.items()}
    return RuntimeQuery(parse_query(text), parsed, optional)


def _expression(where: str, name: str, text: JsonValue) -> tuple[str, Expression]:
    if problem := _name_problem(name, _VARIABLE):
        raise FleetInvalid(f"{where}.for: the name of a value {problem}")
    if not isinstance(text, str):
        raise FleetInvalid(f"{where}.for.{name} must be an expression, a text")
    try:
        expression = parse_expression(text, f"{where}.for.{name}")
        check_expression(expression, "obj")
    except CueBeyond as error:
        raise FleetInvalid(f"{where}.for.{name}: an expression cannot have {error.what}") from None
    except CueRefused as error:
        raise FleetInvalid(str(error)) from None
    return text, expression
