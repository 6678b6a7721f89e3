"""The stand-in as an ASGI application: calls in, answers and watch streams out."""

import base64
from collections import Counter
from collections.abc import Iterable

import msgspec
import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from krt.dev import asgi
from krt.dev.asgi import Answer
from krt.dev.cluster import call as calls
from krt.dev.cluster import objects, status
from krt.dev.cluster.call import Call
from krt.dev.cluster.faults import Fault, Faults, denied
from krt.dev.cluster.kinds import NAMESPACE, Json
from krt.dev.cluster.rollout import Rollouts
from krt.dev.cluster.store import Store
from krt.dev.cluster.stream import stream

MERGE_PATCH = "application/merge-patch+json"


class Cluster:
    """A stand-in cluster. Serve it as an ASGI app and run `roll_out` beside it.

    `requests` counts the calls by (verb, resource). `tokens` are the bearer tokens that are accepted, all of
    them for everything; None accepts everybody; change the set to rotate.
    """

    def __init__(
        self,
        documents: Iterable[Json] = (),
        *,
        step_seconds: float = 0.5,
        bookmark_seconds: float = 60,
        tokens: set[str] | None = None,
        history: int = 10_000,
    ) -> None:
        self.store = Store(history=history)
        self.faults = Faults()
        self.tokens = tokens
        self.requests: Counter[tuple[str, str]] = Counter()
        self._bookmark_seconds = bookmark_seconds
        self._rollouts = Rollouts(self.store, step_seconds)
        for document in documents:
            self.add(document)

    def add(self, document: Json) -> None:
        """Create an object, and its namespace if that is not there yet."""
        namespace = document["metadata"].get("namespace", "")
        if namespace and namespace not in self.store.table(NAMESPACE).objects:
            self.store.create({"kind": "Namespace", "metadata": {"name": namespace}})
        self.store.create(document)

    async def roll_out(self) -> None:
        """Roll out what changes, for ever."""
        await self._rollouts.run()

    def end_watches(self) -> None:
        """End every open watch as its timeout would. A server stops the sooner for it."""
        for watch in list(self.store.watches()):
            watch.end()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":
            await asgi.live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _serve(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        try:
            body = await asgi.read_body(receive)
            call = calls.parse(scope["method"], scope["path"], scope["query_string"])
            if call is None:
                await asgi.respond(send, _outside(scope["path"]))
                return
            self.requests[call.verb, call.kind.resource] += 1
            self._check_token(call, _header(scope, b"authorization"))
            fault = self.faults.take(call)
            await trio.sleep(fault.delay_seconds)
            if refusal := fault.answer(call):
                await asgi.respond(send, refusal)
            elif call.verb == "watch":
                await self._watch(call, fault, receive, send)
            else:
                await _finish(send, self._do(call, body, _header(scope, b"content-type")), fault)
        except asgi.BodyTooLarge:
            await asgi.respond(send, status.too_large().answer())
        except status.Refused as refused:
            await asgi.respond(send, refused.answer())

    def _check_token(self, call: Call, authorization: str) -> None:
        if self.tokens is None:
            return
        scheme, _space, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise denied(call, "system:anonymous")
        if token not in self.tokens:
            raise status.unauthorized()

    def _do(self, call: Call, body: bytes, content_type: str) -> Answer:
        match call.verb:
            case "list":
                return self._list(call)
            case "get":
                return self._object(call, self.store.read(call.kind, call.namespace, call.name).body)
            case "patch":
                return self._patch(call, body, content_type)
            case "update":
                return self._write(call, lambda _before: _document(body))
            case "create":
                return self._create(call, _document(body))
            case _:
                return self._delete(call)

    def _list(self, call: Call) -> Answer:
        if call.version > self.store.number:
            raise status.version_too_large(call.version, self.store.number)
        number, start = _continue(call.query.get("continue", ""))
        try:
            page = self.store.page(call.kind, call.namespace, limit=call.limit, number=max(number, 0), start=start)
        except KeyError:
            raise status.expired(status.TOO_OLD_TO_CONTINUE, continue_token=_token(-1, start)) from None
        metadata: Json = {"resourceVersion": str(page.number)}
        if page.following:
            metadata |= {
                "continue": _token(page.number, page.following),
                "remainingItemCount": page.remaining,
            }
        parts = (
            call.kind.type_fields("List"),
            b'"metadata":' + msgspec.json.encode(metadata) + b',"items":[',
            b",".join([version.body for version in page.versions]),
            b"]}\n",
        )
        return Answer(200, b"".join(parts))

    def _patch(self, call: Call, body: bytes, content_type: str) -> Answer:
        if content_type.partition(";")[0].strip().lower() != MERGE_PATCH:
            raise status.unsupported_media_type()
        patch = _document(body)
        return self._write(call, lambda before: _merged(before, patch))

    def _write(self, call: Call, change: objects.Changing) -> Answer:
        version = self.store.update(call.kind, call.namespace, call.name, change, manager=call.manager)
        return self._object(call, version.body)

    def _create(self, call: Call, document: Json) -> Answer:
        document |= {"kind": call.kind.name}
        document["metadata"] |= {"namespace": call.namespace} if call.namespace else {}
        version = self.store.create({**document, "status": {}}, manager=call.manager)
        return self._object(call, version.body, code=201)

    def _delete(self, call: Call) -> Answer:
        deleted = self.store.delete(call.kind, call.namespace, call.name)
        details = {"name": call.name, "group": call.kind.group, "kind": call.kind.resource}
        details |= {"uid": deleted.document()["metadata"]["uid"]}
        success = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": details,
        }
        return Answer(200, msgspec.json.encode(success) + b"\n")

    def _object(self, call: Call, body: bytes, *, code: int = 200) -> Answer:
        return Answer(code, call.kind.type_fields() + body[1:] + b"\n")

    async def _watch(self, call: Call, fault: Fault, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_on_disconnect, receive, nursery.cancel_scope)
            await stream(
                self.store,
                call,
                send,
                self.faults,
                broken=fault.broken,
                bookmark_seconds=self._bookmark_seconds,
            )
            nursery.cancel_scope.cancel()


async def _cancel_on_disconnect(receive: ASGIReceiveCallable, scope: trio.CancelScope) -> None:
    await asgi.wait_disconnect(receive)
    scope.cancel()


async def _finish(send: ASGISendCallable, answer: Answer, fault: Fault) -> None:
    if not fault.broken:
        await asgi.respond(send, answer)
        return
    # An application that returns before its last byte makes the server break the connection.
    await asgi.start(send, answer, length=len(answer.body))
    await asgi.write(send, answer.body[: len(answer.body) // 2], more=True)


def _outside(path: str) -> Answer:
    if path in ("/healthz", "/livez", "/readyz"):
        return Answer(200, b"ok", "text/plain; charset=utf-8")
    return Answer(404, b"404 page not found\n", "text/plain; charset=utf-8")


def _document(body: bytes) -> Json:
    try:
        return msgspec.json.decode(body, type=dict)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise status.bad_request(f"error decoding patch: {error}") from error


def _merged(before: Json, patch: Json) -> Json:
    merged = objects.merge(before, patch)
    assert isinstance(merged, dict)
    return merged


def _token(number: int, start: str) -> str:
    raw = msgspec.json.encode({"v": "meta.k8s.io/v1", "rv": number, "start": start})
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _continue(token: str) -> tuple[int, str]:
    """The snapshot (0: none, -1: of now) and the key to go on from."""
    if not token:
        return 0, ""
    try:
        raw = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=dict)
        return int(raw["rv"]), str(raw["start"])
    except (ValueError, KeyError) as error:
        raise status.bad_request(f"invalid continue token: continue key is not valid: {error}") from error


def _header(scope: HTTPScope, name: bytes) -> str:
    return next((value.decode("latin-1") for given, value in scope["headers"] if given.lower() == name), "")
