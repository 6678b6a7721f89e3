"""Runs a publication from the inputs to the exit code: holds the state record, calls the cluster, prints the end."""

import argparse
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import trio

from krt.cli.consoles import console_of, summary_page
from krt.cli.publication import Order
from krt.cli.publication_end import PublicationOutcome, tell, tell_refusal
from krt.client import exits
from krt.client.console import Console
from krt.client.display import Display, open_display
from krt.client.interrupt import Interrupt, heard
from krt.client.report import received
from krt.cluster.access import ApiServer, http_client, load_access
from krt.cluster.credentials import Credentials
from krt.cluster.transport import Transport
from krt.core.delivery import state_record
from krt.core.delivery.pending_restarts import MOST_TARGETS
from krt.core.delivery.state_record import StateRecord
from krt.core.report.report import EventState
from krt.core.report.report_document import Document
from krt.delivery.errors import DeliveryFailed, DeliveryRefused
from krt.delivery.plan import plan
from krt.delivery.progress import Progress
from krt.delivery.publish import publish
from krt.delivery.publishing import Publishing
from krt.delivery.state_file import StateHeld, StateUnusable
from krt.delivery.unpublish import unpublish
from krt.errors import ClusterUnavailable, SettingsInvalid

# For the watch of each target, also of one that only the Secret's list names; for that of the Secret; and for calls.
_CONNECTIONS = MOST_TARGETS + 3


def run(read: Callable[[], Order], args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Read the order and carry it out. Returns the exit code."""
    console = console_of(f"krt {args.command}", environ, as_json=args.output == "json", has_outputs=True)
    try:
        order = read()
        with order.state.held() if order.state and not order.is_dry_run else nullcontext():
            return _carry_out(order, console, summary_page(environ))
    except SettingsInvalid as error:
        tell_refusal(console, *error.problems)
        return exits.REFUSED
    except (StateHeld, StateUnusable) as error:
        tell_refusal(console, str(error))
        return exits.FAILED if isinstance(error, StateHeld) else exits.REFUSED


def _carry_out(order: Order, console: Console, summary: Path | None) -> int:
    previous = order.state.read() if order.state else None
    title = str(order.publication)
    with open_display(console, title, subject="delivery") as display:
        outcome = trio.run(_until_interrupted, order, previous, display)
    if order.state and not order.is_dry_run:
        outcome = _recorded(order, previous, outcome)
    return tell(order, outcome, console, summary)


async def _until_interrupted(order: Order, previous: StateRecord | None, display: Display) -> PublicationOutcome:
    interrupt = Interrupt()
    with heard(interrupt):
        return await _deliver(order, previous, display, interrupt)


async def _deliver(
    order: Order, previous: StateRecord | None, display: Display, interrupt: Interrupt
) -> PublicationOutcome:
    outcome = PublicationOutcome()
    progress = Progress(
        order.publication.owner, lambda report: _show(report, outcome, display), is_dry_run=order.is_dry_run
    )
    if not order.has_cluster:
        outcome.note_skipped(order)
        return outcome
    try:
        with interrupt.scope:
            server, credentials = await trio.to_thread.run_sync(_access, order)
            outcome.server_url = server.url
            async with http_client(server, connections=_CONNECTIONS) as client, trio.open_nursery() as nursery:
                nursery.start_soon(progress.keep_showing)
                transport = Transport(client, credentials)
                await _publish(order, _publishing(order, previous, transport, progress, display, outcome), outcome)
                nursery.cancel_scope.cancel()
    except SettingsInvalid as error:
        outcome.refuse(*error.problems)
    if interrupt.scope.cancelled_caught and not outcome.is_over:
        outcome.interrupt(interrupt.by, order)
    return outcome


def _access(order: Order) -> tuple[ApiServer, Credentials]:
    return load_access(order.kubeconfig, named=order.given_as)


async def _publish(order: Order, run: Publishing, outcome: PublicationOutcome) -> None:
    """Make the run, and note in the outcome how it ends."""
    outcome.run = run
    try:
        if order.is_removal:
            await unpublish(run, is_dry_run=order.is_dry_run)
        elif order.is_dry_run:
            await plan(run)
        else:
            outcome.restarted = await publish(run)
    except DeliveryRefused as error:
        outcome.refuse(str(error))
    except DeliveryFailed as error:
        is_away = isinstance(error.__cause__, ClusterUnavailable)
        outcome.fail(
            f"{error}; the kubeconfig says that the API server is at {outcome.server_url}" if is_away else str(error)
        )
    outcome.is_over = True


def _publishing(
    order: Order,
    previous: StateRecord | None,
    transport: Transport,
    progress: Progress,
    display: Display,
    outcome: PublicationOutcome,
) -> Publishing:
    async def begin() -> None:
        if order.state is None:
            return
        record = state_record.begun(order.reference, previous, datetime.now(UTC), command=order.verb)
        try:
            await trio.to_thread.run_sync(order.state.write, record)
        except StateUnusable as error:
            raise DeliveryRefused(str(error)) from error
        outcome.is_marked = True

    return Publishing(
        order.publication,
        transport,
        progress,
        timeout_seconds=order.timeout_seconds,
        ensure_namespace=order.ensure_namespace,
        ensuring=order.ensuring,
        before_write=begin,
        note=display.note,
    )


def _show(report: Document, outcome: PublicationOutcome, display: Display) -> None:
    outcome.report, shown = report, received(report)
    if shown.state != EventState.ACCEPTED:  # krt only looks: there is nothing to see
        display.show(shown)


def _recorded(order: Order, previous: StateRecord | None, outcome: PublicationOutcome) -> PublicationOutcome:
    """Write the record of the run. Returns the outcome, which fails if the record cannot be written."""
    assert order.state is not None
    record = outcome.record(order, previous, datetime.now(UTC))
    try:
        if record:
            order.state.write(record)
        elif outcome.is_marked:
            order.state.restore()
    except StateUnusable as error:
        outcome.note_unrecorded(order, str(error))
    return outcome
