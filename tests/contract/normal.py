"""Answers of an API server with what no two servers have in common taken out: what is left can be compared."""

import re
from dataclasses import dataclass, field
from difflib import unified_diff
from pprint import pformat
from typing import Any

import httpx

TIMES = frozenset({"creationTimestamp", "lastUpdateTime", "lastTransitionTime"})
# Framing, tracing and priority levels; krt reads none of them.
OWN_HEADERS = re.compile("(date|content-length|transfer-encoding|connection|audit-id|x-request-id|x-kubernetes-pf-.*)$")
USER = re.compile('User "[^"]+"')
VERSIONS = re.compile(r"(current:|resource version:) \d+( \(\d+\))?")


@dataclass(frozen=True, slots=True)
class Normal:
    """`body` is decoded JSON, or text."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None

    def without(self, *paths: str) -> "Normal":
        """Less what stands at these dotted paths of the body."""
        body = self.body
        for path in paths:
            body = _without(body, path.split("."))
        return Normal(self.status, self.headers, body)


def assert_same(stand_in: Any, real: Any) -> None:
    """With what differs, line by line, where they do."""
    lines = [pformat(each, width=110).splitlines() for each in (real, stand_in)]
    difference = "\n".join(unified_diff(*lines, "real", "stand-in", lineterm="", n=2))
    assert stand_in == real, difference


def normal(response: httpx.Response) -> Normal:
    headers = {name: value for name, value in response.headers.items() if not OWN_HEADERS.match(name)}
    is_json = headers.get("content-type") == "application/json"
    return Normal(response.status_code, headers, normal_value(response.json() if is_json else response.text))


def normal_value(value: Any) -> Any:
    """Of any part of an answer. A list of causes is a set: the real server repeats some of them."""
    match value:
        case dict():
            return {name: _member(name, inner) for name, inner in value.items()}
        case list():
            return [normal_value(inner) for inner in value]
        case str():
            return VERSIONS.sub(r"\1 …", USER.sub('User "…"', value))
    return value


def _member(name: str, value: Any) -> Any:
    match name, value:
        case "uid" | "continue", str():
            return f"some {name}"
        case "resourceVersion", str() if value.isdecimal():
            return "a version"
        case _, str() if name in TIMES:
            return re.sub("[0-9]", "0", value)
        case "managedFields", list():
            return sorted((each["manager"], each["operation"], each.get("subresource")) for each in value)
        case "causes", list():
            return sorted({tuple(sorted(each.items())) for each in value})
        case "spec", {"template": {"spec": {"containers": list()}}}:
            return _spec(value)
    return normal_value(value)


def _spec(spec: dict[str, Any]) -> dict[str, Any]:
    """Less the defaults of pods, of which the stand-in fills in none but the pull policy."""
    pod = spec["template"]["spec"]
    known = ("name", "image", "imagePullPolicy")
    containers = [{name: each[name] for name in known} for each in pod["containers"]]
    return {**spec, "template": {**spec["template"], "spec": {"containers": containers}}}


def _without(value: Any, path: list[str]) -> Any:
    name, *rest = path
    if not isinstance(value, dict) or name not in value:
        return value
    if rest:
        return {**value, name: _without(value[name], rest)}
    return {each: inner for each, inner in value.items() if each != name}
