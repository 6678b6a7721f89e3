"""Acts as the controller of BundleDeployments: it answers an announcement, or a new template, with a status.

It delivers nothing. In the first step it says that it works, in the next one how that ended. An annotation of the
BundleDeployment, `stand-in/rollout`, with the value `fails` makes the bundle a bad one. With `waits` no delivery ends.
"""

from hashlib import sha256

import trio

from krt.core.kube.workload import ANNOUNCED
from krt.dev.cluster.kinds import BUNDLE_DEPLOYMENT, Json, Kind
from krt.dev.cluster.store import ObjectStore

MANAGER = "krt-controller"
FATE = "stand-in/rollout"
BAD_BUNDLE = (
    "Failed to unpack the Bundle: found zero objects: plain+v0 bundles are required to contain at least one object"
)


class StandInBundles:
    """All BundleDeployments of a store, one step every `step_seconds` on Trio's clock."""

    def __init__(self, store: ObjectStore, step_seconds: float) -> None:
        self._store = store
        self._step_seconds = step_seconds
        self._open: dict[str, bool] = {}  # by name: whether the status says already that the controller works
        self._wake = trio.Event()
        store.observers.append(self._observe)

    async def run(self) -> None:
        """Answer, for ever. Sleeps while there is nothing to answer."""
        while True:
            if not self._open:
                self._wake = trio.Event()
                await self._wake.wait()
            await trio.sleep(self._step_seconds)
            await self.step()

    async def step(self) -> None:
        """Advance every delivery by one step."""
        for name, is_begun in list(self._open.items()):
            document = self._store.read(BUNDLE_DEPLOYMENT, "", name).document()
            fate = document["metadata"].get("annotations", {}).get(FATE)
            if is_begun and fate == "waits":
                continue
            self._write(name, _ended(document, fate) if is_begun else _begun(document))
            if is_begun:
                self._open.pop(name, None)
            else:
                self._open[name] = True
            await trio.lowlevel.checkpoint()

    def _observe(self, kind: Kind, before: Json | None, after: Json | None) -> None:
        if kind is not BUNDLE_DEPLOYMENT:
            return
        if after is None:
            self._open.pop(before["metadata"]["name"] if before else "", None)
        elif before is None or _wish(before) != _wish(after):
            self._open[after["metadata"]["name"]] = False
            self._wake.set()

    def _write(self, name: str, status: Json) -> None:
        def change(before: Json) -> Json:
            return {**before, "status": status}

        self._store.update(BUNDLE_DEPLOYMENT, "", name, change, manager=MANAGER, subresource="status")


def _wish(document: Json) -> tuple[object, object]:
    return document["metadata"]["generation"], _announced(document)


def _announced(document: Json) -> str:
    return str(document["metadata"].get("annotations", {}).get(ANNOUNCED, ""))


def _begun(document: Json) -> Json:
    known = document["status"].get("conditions", ())
    others = [each for each in known if each["type"] != "HasValidBundle"]
    working = _condition(document, "HasValidBundle", "Unknown", "Unpacking", "the registry is asked")
    return {**document["status"], "conditions": [working, *others]}


def _ended(document: Json, fate: str | None) -> Json:
    announced, kept = _announced(document), document["status"]
    handled = {"handled": announced} if announced else {}
    if fate == "fails":
        bad = _condition(document, "HasValidBundle", "False", "UnpackFailed", BAD_BUNDLE)
        others = [each for each in kept.get("conditions", ()) if each["type"] != "HasValidBundle"]
        return {**kept, **handled, "conditions": [bad, *others]}
    source = document["spec"]["template"]["spec"]["source"]
    name = f"{document['metadata']['name']}-{_digest(document)[:6]}"
    good = (
        ("HasValidBundle", "UnpackSuccessful", f"Successfully unpacked the {name} Bundle"),
        ("Installed", "InstallationSucceeded", f"Instantiated bundle {name} successfully"),
        ("Healthy", "Healthy", ""),
    )
    return {
        "observedGeneration": document["metadata"]["generation"],
        **handled,
        "activeBundle": name,
        "resolvedSource": _resolved(source, _digest(document)),
        "conditions": [_condition(document, kind, "True", reason, message) for kind, reason, message in good],
    }


def _resolved(source: Json, digest: str) -> Json:
    if source.get("type") != "image":
        return source
    name = str(source["image"]["ref"]).partition("@")[0]
    host, slash, last = name.rpartition("/")
    return {"type": "image", "image": {"ref": f"{host}{slash}{last.partition(':')[0]}@sha256:{digest}"}}


def _digest(document: Json) -> str:
    """A new digest for each announcement, as if each were of a new push."""
    return sha256(repr((document["metadata"]["name"], *_wish(document))).encode()).hexdigest()


def _condition(document: Json, kind: str, value: str, reason: str, message: str) -> Json:
    metadata = document["metadata"]
    return {
        "type": kind,
        "status": value,
        "reason": reason,
        "message": message,
        "observedGeneration": metadata["generation"],
        "lastTransitionTime": metadata["creationTimestamp"],
    }
