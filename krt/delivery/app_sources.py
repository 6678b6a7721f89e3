"""Reads Apps, and reads and writes their source Secrets: the import of values, and the request for a redelivery."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from krt.cluster import objects
from krt.cluster.listing import Pages
from krt.cluster.metadata import ObjectVersion, bare_reader, whole_reader
from krt.cluster.object_errors import NotServed
from krt.cluster.objects import Body
from krt.cluster.selection import Selection
from krt.cluster.transport import Transport
from krt.cluster.wire import Reader
from krt.core.app_secrets.app import SecretsApp, read_app
from krt.core.app_secrets.import_plan import Import, ImportPlan, key_of_source, only_source, plan_import
from krt.core.app_secrets.names import APP, COPY_OF, ENVIRONMENT, MOVE, REDELIVER, SOURCE_OF
from krt.core.app_secrets.refusals import ValuesInvalid
from krt.core.kube.builtin import SECRET
from krt.core.kube.fields import texts_at
from krt.core.kube.object_fields import FIELD_MANAGER
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import NAMESPACE
from krt.delivery.asking import patiently
from krt.errors import Conflict, NotThere

MOST_CONFLICTS = 5


class SourceBusy(Exception):
    """Others have changed the Secret again and again while krt tried to write it. The message is a sentence."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The source Secrets at one API server. `tell` gets the reason of each repetition of a call.

    A call is repeated while the API server does not answer: the caller's cancel scope is the deadline. The methods
    raise ValuesInvalid if krt refuses, and the errors of krt.cluster.objects but ClusterUnavailable.
    """

    transport: Transport
    tell: Callable[[str], None]

    async def namespace_of(self, environment: str, named: str) -> str:
        """The namespace that is labelled with the environment. If one is `named`, only that one is looked at."""
        if named:
            return await self._checked(environment, named)
        listed = await self._list(bare_reader(NAMESPACE), None, f"{ENVIRONMENT}={environment}")
        found = [each.key.name for each in listed]
        if not found:
            raise ValuesInvalid(
                f"no namespace is labelled {ENVIRONMENT}={environment}: kubectl label namespace NAME "
                f"{ENVIRONMENT}={environment}"
            )
        if len(found) > 1:
            names = ", ".join(sorted(found))
            raise ValuesInvalid(f"the namespaces {names} are all labelled {ENVIRONMENT}={environment}: one may be")
        return found[0]

    async def import_values(self, wanted: Import, namespace: str, *, dry_run: bool) -> ImportPlan:
        """Write the values into the source, or create it, and return the plan that was carried out."""
        is_taken = False
        for _ in range(MOST_CONFLICTS):
            plan = plan_import(wanted, namespace, await self._sources(wanted.app, namespace))
            if is_taken and plan.is_new:
                raise ValuesInvalid(
                    f"{plan.key} exists without the label: kubectl label secret -n {namespace} {wanted.app} "
                    f"{SOURCE_OF}={wanted.app}"
                )
            if dry_run or not plan.changes:
                return plan
            try:
                await patiently(partial(self._write, plan), self.tell)
            except (Conflict, NotThere) as error:
                if plan.is_new and isinstance(error, NotThere):
                    raise
                is_taken = plan.is_new
            else:
                return plan
        raise SourceBusy(f"others changed the Secret of {wanted.app} {MOST_CONFLICTS} times while krt wrote it")

    async def source_of(self, app: str, namespace: str) -> ObjectKey:
        """The key of the app's source in a namespace."""
        source = only_source(app, namespace, await self._sources(app, namespace))
        if source is None:
            raise ValuesInvalid(f"namespace {namespace} has no Secret that is labelled {SOURCE_OF}={app}")
        return key_of_source(source)

    async def redeliver(self, source: ObjectKey, token: str, move: str) -> None:
        """Ask for a redelivery with a new token; `move` is the environment that copies may move to, or ""."""
        fields = {"metadata": {"annotations": {REDELIVER: token, MOVE: move or None}}}
        merge = partial(objects.merge, self.transport, SECRET, source, fields, manager=FIELD_MANAGER)
        await patiently(merge, self.tell)

    async def apps(self, name: str) -> list[SecretsApp]:
        """The App of this name, or every App for ""."""
        try:
            return [await self._app(name)] if name else await self._all_apps()
        except NotServed as error:
            kind = f"{APP.kind} of {APP.api_version}"
            raise NotServed(f"the API server serves no {kind}: apply components/app-secrets/crds.yaml") from error
        except NotThere as error:
            raise ValuesInvalid(f"there is no App {name}: kubectl get apps.krt.internal lists them") from error

    async def environments_of(self, name: str) -> list[str]:
        """The names of the App's environments."""
        [app] = await self.apps(name)
        if not app.environments:
            raise ValuesInvalid(f"the App {name} names no environment")
        return list(app.environments)

    async def _app(self, name: str) -> SecretsApp:
        read = partial(objects.read, self.transport, APP, APP.key("", name))
        return read_app(await patiently(read, self.tell))

    async def _all_apps(self) -> list[SecretsApp]:
        found = [read_app(each.body) for each in await self._list(whole_reader(APP), None, "")]
        return sorted(found, key=lambda app: app.name)

    async def _checked(self, environment: str, name: str) -> str:
        key = NAMESPACE.key("", name)
        try:
            body = await patiently(partial(objects.read, self.transport, NAMESPACE, key), self.tell)
        except NotThere:
            raise ValuesInvalid(f"there is no namespace {name}: -n names the environment's namespace") from None
        found = texts_at(body, "metadata", "labels").get(ENVIRONMENT, "")
        if found != environment:
            label = f"is labelled {ENVIRONMENT}={found}" if found else f"has no label {ENVIRONMENT}"
            raise ValuesInvalid(f"namespace {name} {label}: its environment is not {environment}")
        return name

    async def _sources(self, app: str, namespace: str) -> list[Body]:
        found = await self._list(whole_reader(SECRET), namespace, f"{SOURCE_OF}={app}")
        return [each.body for each in found if COPY_OF not in texts_at(each.body, "metadata", "labels")]

    async def _list(self, reader: Reader[ObjectVersion], namespace: str | None, labels: str) -> list[ObjectVersion]:
        async def pages() -> list[ObjectVersion]:
            return [
                each
                async for page in Pages(self.transport, reader, namespace, Selection(labels=labels))
                for each in page.objects
            ]

        return await patiently(pages, self.tell)

    async def _write(self, plan: ImportPlan) -> None:
        write = objects.create if plan.is_new else objects.merge
        await write(self.transport, SECRET, plan.key, plan.content, manager=FIELD_MANAGER)
