"""Parses a request as the API server does: verb, kind, namespace, name, and the parameters that krt uses."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from krt.dev.cluster import status
from krt.dev.cluster.kinds import BUNDLE_DEPLOYMENT, BY_RESOURCE, Kind

ON_COLLECTION = {"GET": "list", "POST": "create"}
ON_OBJECT = {"GET": "get", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}
PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>apps/v1|core\.rukpak\.io/v1alpha1))"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/(?P<resource>[a-z]+)(?:/(?P<name>[^/]+))?/?"
)
_ROOTS = ("/api/v1/", "/apis/apps/v1/", f"/apis/{BUNDLE_DEPLOYMENT.api_version}/")


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A parsed request. `namespace` is empty for cluster-wide calls, `name` for calls on a collection."""

    verb: str
    kind: Kind
    namespace: str
    name: str
    query: dict[str, str]
    agent: str = ""

    @property
    def limit(self) -> int:
        """The page size; 0 means all. Ignored for resourceVersion 0: the real server then answers from its cache."""
        return 0 if self.query.get("resourceVersion") == "0" else max(0, self._integer("limit"))

    @property
    def timeout_seconds(self) -> int:
        """The `timeoutSeconds` of a watch; 0 if none is given."""
        return self._integer("timeoutSeconds")

    @property
    def version(self) -> int:
        """The resourceVersion; 0 if none is given. Raises ApiRefusal if malformed: on a watch 500, as in reality."""
        given = self.query.get("resourceVersion") or "0"
        if not re.fullmatch("[0-9]+", given):
            problem = f'strconv.ParseUint: parsing "{given}": invalid syntax'
            problem = f'resourceVersion: Invalid value: "{given}": {problem}'
            if self.verb == "watch":
                raise status.internal_error(problem)
            raise status.bad_request(f"invalid resource version: {problem}")
        return int(given)

    @property
    def bookmarks(self) -> bool:
        """Whether the watch asks for bookmarks."""
        return _true(self.query.get("allowWatchBookmarks"))

    @property
    def manager(self) -> str:
        """The field manager: by default the User-Agent up to its first slash."""
        return self.query.get("fieldManager") or self.agent.partition("/")[0] or "unknown"

    def _integer(self, name: str) -> int:
        given = self.query.get(name) or "0"
        if not re.fullmatch("[+-]?[0-9]+", given):
            raise status.bad_request(f'strconv.ParseInt: parsing "{given}": invalid syntax')
        return int(given)


def parse(method: str, path: str, query: bytes, *, agent: str = "") -> ApiCall | None:
    """The call, or None if the path is in no API group of the stand-in. Raises ApiRefusal (404, 405)."""
    if not path.startswith(_ROOTS):
        return None
    match = PATH.fullmatch(path)
    kind = BY_RESOURCE.get((match["core"] or match["group"], match["resource"])) if match else None
    if not match or not kind or (match["namespace"] and not kind.namespaced):
        raise status.no_such_resource()
    namespace, name = match["namespace"] or "", match["name"] or ""
    clusterwide = kind.namespaced and not namespace
    if clusterwide and name:
        raise status.no_such_resource()
    parameters = dict(parse_qsl(query.decode("ascii", "replace"), keep_blank_values=True))
    verb = (ON_OBJECT if name else ON_COLLECTION).get(method, "")
    if not verb or (clusterwide and verb == "create"):
        raise status.method_not_allowed()
    if verb == "list" and _true(parameters.get("watch")):
        verb = "watch"
    return ApiCall(verb, kind, namespace, name, parameters, agent)


def _true(value: str | None) -> bool:
    """A boolean parameter as Kubernetes reads it: true if present, unless it is `false` or `0`."""
    return value is not None and value.lower() not in ("false", "0")
