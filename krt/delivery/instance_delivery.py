"""Puts an instance of a bundle on a cluster, or deletes it: one owner and one inventory for each instance."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from msgspec.structs import replace as replace_parts

from krt.cluster.transport import Transport
from krt.core.delivery.delivery_report import Show
from krt.core.fleet.bundle import Instance
from krt.core.fleet.instance_owner import BUNDLE, MODULE, VERSION, owner_of
from krt.core.kube.manifest import Manifest, read_manifest
from krt.core.kube.object_key import ObjectKey
from krt.core.report.report_document import Document, ListedTarget
from krt.delivery.deliver import deliver
from krt.delivery.destroy import destroy
from krt.delivery.instance_objects import InstanceObjects
from krt.delivery.instance_record import InstanceRecord
from krt.delivery.order import Compared, Delivery, DeliveryResult, End, Removal

_WELL = {End.READY, End.PLANNED}


@dataclass(frozen=True, slots=True)
class PlannedInstance:
    """An instance before it is written to a cluster.

    `digest` is that of its module. `record` is None if the cluster does not have the instance yet. For a removal,
    `objects` has no steps.
    """

    instance: Instance
    bundle: str
    record: InstanceRecord | None
    digest: str = ""
    objects: InstanceObjects = field(default=InstanceObjects("", ()))

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """The manifests of all steps."""
        return tuple(each for step in self.objects.steps for each in step)


@dataclass(frozen=True, slots=True)
class InstanceWishes:
    """How to write instances. `timeout_seconds` is for each step of an instance's objects.

    `takes_over`: take objects over from owners that still have them.
    """

    timeout_seconds: float
    is_dry_run: bool = False
    takes_over: bool = False
    compared: Compared | None = None


async def apply_instance(
    transport: Transport, planned: PlannedInstance, wishes: InstanceWishes, show: Show
) -> DeliveryResult:
    """Apply the steps of the instance, each ready before the next; then prune. `show` gets one report of all steps.

    Raises no error of the cluster: the report names each.
    """
    earlier: tuple[ListedTarget, ...] = ()
    for number, manifests in enumerate(planned.objects.steps, 1):
        is_last = number == len(planned.objects.steps)
        order = replace(_order(planned, wishes), manifests=manifests, prunes=is_last)
        result = await deliver(transport, replace(order, others=_others(planned, manifests)), _after(earlier, show))
        result = replace(result, report=_with(earlier, result.report))
        if is_last or result.end not in _WELL:
            return result
        earlier = result.report.targets
    raise AssertionError("a module has at least one step")


async def delete_instance(
    transport: Transport, planned: PlannedInstance, wishes: InstanceWishes, show: Show
) -> DeliveryResult:
    """Delete the instance's objects in the reverse order, and its inventory. Its namespace stays.

    Raises no error of the cluster.
    """
    removal = Removal(
        owner_of(planned.instance), planned.instance.namespace, wishes.timeout_seconds, is_dry_run=wishes.is_dry_run
    )
    return await destroy(transport, removal, show)


def _order(planned: PlannedInstance, wishes: InstanceWishes) -> Delivery:
    instance = planned.instance
    order = Delivery(
        owner_of(instance),
        (),
        instance.namespace,
        timeout_seconds=wishes.timeout_seconds,
        ensured=(_namespace(instance.namespace),),
        is_forced=True,
        is_dry_run=wishes.is_dry_run,
        is_living=_nobody if wishes.takes_over else _everybody,
        labels={BUNDLE: planned.bundle},
        annotations={MODULE: f"oci://{instance.module.url}@{planned.digest}", VERSION: instance.module.version},
    )
    return replace(order, compared=wishes.compared) if wishes.compared else order


def _namespace(name: str) -> Manifest:
    return read_manifest({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def _everybody(_: str) -> bool:
    return True


def _nobody(_: str) -> bool:
    return False


def _others(planned: PlannedInstance, manifests: tuple[Manifest, ...]) -> frozenset[ObjectKey]:
    return frozenset(each.key for each in planned.manifests) - {each.key for each in manifests}


def _after(earlier: tuple[ListedTarget, ...], show: Show) -> Callable[[Document], None]:
    return lambda report: show(_with(earlier, report))


def _with(earlier: tuple[ListedTarget, ...], report: Document) -> Document:
    return replace_parts(report, targets=(*earlier, *report.targets))
