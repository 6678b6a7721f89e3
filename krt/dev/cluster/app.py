"""The stand-in cluster: an ASGI app for krt, and plain methods that act as the cluster's other users."""

from collections import Counter
from collections.abc import Iterable

import trio

from krt.dev import asgi
from krt.dev.asgi import StandInAnswer
from krt.dev.cluster import call as calls
from krt.dev.cluster import objects, status
from krt.dev.cluster.answers import answer
from krt.dev.cluster.bundles import StandInBundles
from krt.dev.cluster.call import ApiCall
from krt.dev.cluster.faults import Fault, Faults, denied
from krt.dev.cluster.kinds import BY_NAME, NAMESPACE, Json
from krt.dev.cluster.packing import packed
from krt.dev.cluster.rollout import StandInRollouts
from krt.dev.cluster.store import ObjectStore
from krt.dev.cluster.stream import stream, window_of
from krt.serving.asgi import HTTPScope, Receive, Scope, Send, while_connected


class StandInCluster:
    """The cluster. Serve it as an ASGI app, and also run `roll_out` in a task, or call `step_rollouts`.

    `requests` counts the calls by (verb, resource). `tokens` are the accepted bearer tokens; each may do everything,
    and None accepts every caller. Change the set to rotate tokens.
    """

    def __init__(
        self,
        documents: Iterable[Json] = (),
        *,
        step_seconds: float = 0.5,
        bookmark_seconds: float = 60,
        tokens: set[str] | None = None,
        store: ObjectStore | None = None,
    ) -> None:
        self.store = store or ObjectStore()
        self.faults = Faults()
        self.tokens = tokens
        self.requests: Counter[tuple[str, str]] = Counter()
        self._bookmark_seconds = bookmark_seconds
        self._rollouts = StandInRollouts(self.store, step_seconds)
        self._bundles = StandInBundles(self.store, step_seconds)
        for document in documents:
            self.add(document)

    def add(self, document: Json) -> None:
        """Create an object, and its namespace if that does not exist yet. Raises ApiRefusal."""
        namespace = document["metadata"].get("namespace", "")
        if namespace and namespace not in self.store.table(NAMESPACE).objects:
            self.store.create({"kind": "Namespace", "metadata": {"name": namespace}})
        self.store.create(document)

    def get(self, kind: str, namespace: str, name: str) -> Json:
        """A copy of an object; `kind` is a name such as `Deployment`. Raises ApiRefusal (404)."""
        return self.store.read(BY_NAME[kind], namespace, name).document()

    def patch(self, kind: str, namespace: str, name: str, patch: Json, *, manager: str = "kubectl-edit") -> Json:
        """Merge-patch an object as another user, `manager`. Raises ApiRefusal."""
        change = objects.merging(patch)
        return self.store.update(BY_NAME[kind], namespace, name, change, manager=manager).document()

    def replace(self, kind: str, namespace: str, name: str, document: Json, *, manager: str = "argocd") -> Json:
        """Replace an object with `document`, as GitOps tools do; the status stays. Raises ApiRefusal."""
        return self.store.update(BY_NAME[kind], namespace, name, lambda _before: document, manager=manager).document()

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object. Raises ApiRefusal (404)."""
        self.store.delete(BY_NAME[kind], namespace, name)

    async def roll_out(self) -> None:
        """Roll out changed workloads, and answer for BundleDeployments, one step every `step_seconds`, for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._rollouts.run)
            nursery.start_soon(self._bundles.run)

    async def step_rollouts(self) -> None:
        """Advance every rollout by one step now."""
        await self._rollouts.step()
        await self._bundles.step()

    @property
    def open_watches(self) -> int:
        """The number of open watches."""
        return sum(1 for _watch in self.store.watches())

    def end_watches(self, *, expired: bool = False) -> None:
        """End every open watch as at its timeout; if `expired`, with error 410, as after a compaction.

        A server that is told to stop waits for its open watches, so end them first.
        """
        for watch in list(self.store.watches()):
            watch.end(expired=expired)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await asgi.live(receive, send)
        elif scope["type"] == "http":
            try:
                await self._serve(scope, receive, send)
            except asgi.BodyTooLarge:
                await asgi.respond(send, status.too_large().answer())
            except status.ApiRefusal as refused:
                await asgi.respond(send, refused.answer())

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        body = await asgi.read_body(receive)
        agent = _header(scope, b"user-agent")
        call = calls.parse(scope["method"], scope["path"], scope["query_string"], agent=agent)
        if call is not None:
            self.requests[call.verb, call.kind.resource] += 1
        self._check_known(_header(scope, b"authorization"))
        if call is None:
            await asgi.respond(send, _outside(scope["path"]))
            return
        self._check_token(call, _header(scope, b"authorization"))
        fault = self.faults.take(call)
        await trio.sleep(fault.delay_seconds)
        if refusal := fault.answer(call):
            await asgi.respond(send, refusal)
        elif call.verb == "watch":
            await self._watch(call, fault, receive, send)
        else:
            whole = answer(self.store, call, body, _header(scope, b"content-type"))
            await _finish(send, packed(whole, _header(scope, b"accept-encoding")), fault)

    def _check_known(self, authorization: str) -> None:
        """Refuse an unknown token before anything else, as the API server does. A missing token is checked later."""
        scheme, _space, token = authorization.partition(" ")
        if self.tokens is not None and scheme.lower() == "bearer" and token not in self.tokens:
            raise status.unauthorized()

    def _check_token(self, call: ApiCall, authorization: str) -> None:
        if self.tokens is None:
            return
        if not authorization.lower().startswith("bearer "):
            raise denied(call, "system:anonymous")

    async def _watch(self, call: ApiCall, fault: Fault, receive: Receive, send: Send) -> None:
        window = window_of(call)  # it may raise ApiRefusal, so it runs before the answer begins
        async with while_connected(receive):
            await stream(
                self.store,
                window,
                send,
                self.faults,
                broken=fault.broken,
                bookmark_seconds=self._bookmark_seconds,
            )


async def _finish(send: Send, whole: StandInAnswer, fault: Fault) -> None:
    if fault.broken:
        await asgi.break_off(send, whole)
    else:
        await asgi.respond(send, whole)


def _outside(path: str) -> StandInAnswer:
    if path in ("/healthz", "/livez", "/readyz"):
        return status.answered(200, b"ok", "text/plain; charset=utf-8")
    return status.answered(404, b"404 page not found\n", "text/plain; charset=utf-8")


def _header(scope: HTTPScope, name: bytes) -> str:
    return next((value.decode("latin-1") for given, value in scope["headers"] if given.lower() == name), "")
