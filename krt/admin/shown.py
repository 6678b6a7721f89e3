"""Selects the targets of a report for the live page, and filters events. Pure."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from krt.core.report.report import EventState, GroupState
from krt.core.report.report_document import Document, DocumentOrigin, ListedCluster, ListedTarget
from krt.core.report.target import URGENCY, TargetState

MOST_FILTER_CHARACTERS = 200
_SHA = re.compile(r"[0-9a-f]{40,64}")
# The place of a row. Other states have 1, so that a row keeps its place while its rollout goes on.
_ROWS: Mapping[str, int] = {TargetState.FAILED: 0, TargetState.SKIPPED: 2}
_MOST_PARAMETERS = 10


@dataclass(frozen=True, slots=True)
class Filter:
    """The events to show: those that contain every word of `text`, and are in `state` unless it is empty."""

    text: str = ""
    state: str = ""

    def admits(self, document: Document) -> bool:
        """Whether the event is to be shown."""
        if self.state and self.state != document.state:
            return False
        words = self.text.casefold().split()
        return not words or all(word in searched for searched in [_searched(document)] for word in words)

    @property
    def query(self) -> str:
        """The filter as a URL's query, with the question mark; empty if the filter admits everything."""
        given = {name: value for name, value in (("q", self.text), ("state", self.state)) if value}
        return f"?{urlencode(given)}" if given else ""


def parse_filter(query: bytes) -> Filter:
    """The filter in a URL's query. An invalid part is ignored."""
    given = parse_query(query)
    state = given.get("state", "")
    return Filter(given.get("q", "").strip()[:MOST_FILTER_CHARACTERS], state if state in set(EventState) else "")


def parse_query(query: bytes) -> dict[str, str]:
    """The parameters of a URL's query; none if there are more than krt ever uses."""
    try:
        return dict(parse_qsl(query.decode("latin-1"), max_num_fields=_MOST_PARAMETERS))
    except ValueError:
        return {}


@dataclass(frozen=True, slots=True)
class Shown:
    """The values that a template needs besides the document.

    `hidden` counts the workloads that are not in `targets`. `tally` is the number of targets in each state.
    """

    targets: Sequence[ListedTarget]
    hidden: int
    tally: Sequence[tuple[str, int]]
    run: str  # empty if it is not an http(s) URL
    commit: str  # the URL of its page, empty if there is none
    several_clusters: bool
    noteworthy: Sequence[ListedCluster]


def shown(document: Document, *, most_targets: int) -> Shown:
    """The values for the document's template, with the most urgent targets, at most `most_targets`.

    Targets that failed come first, skipped ones last.
    """
    targets = sorted(document.targets, key=lambda target: _ROWS.get(target.state, 1))
    chosen = targets if len(targets) <= most_targets else _urgent(targets, most_targets)
    more = sum(cluster.more or 0 for cluster in document.clusters)
    tally = Counter(target.state for target in targets)
    run = _run(document)
    return Shown(
        targets=chosen,
        hidden=len(targets) - len(chosen) + more,
        tally=[(state, tally[state]) for state in URGENCY if tally[state]],
        run=run,
        commit=_commit(document, run),
        several_clusters=len({each.cluster for each in targets} | {each.name for each in document.clusters}) > 1,
        noteworthy=[cluster for cluster in document.clusters if _is_noteworthy(cluster)],
    )


def _urgent(targets: Sequence[ListedTarget], most: int) -> list[ListedTarget]:
    """The most urgent targets, in their original order."""
    ranked = sorted(range(len(targets)), key=lambda index: (URGENCY[targets[index].state], index))
    return [targets[index] for index in sorted(ranked[:most])]


def _run(document: Document) -> str:
    run = (document.by and document.by.run) or ""
    return run if run.startswith(("https://", "http://")) else ""


def _commit(document: Document, run: str) -> str:
    """The page of the commit: on the same server and in the same repository as the page of the run."""
    repository, found, _ = run.partition("/actions/runs/")
    sha = (document.by and document.by.sha) or ""
    return f"{repository}/commit/{sha}" if found and _SHA.fullmatch(sha) else ""


def _is_noteworthy(cluster: ListedCluster) -> bool:
    return cluster.state not in {GroupState.MATCHED, GroupState.SETTLED} or bool(cluster.reason)


def _searched(document: Document) -> str:
    image, by = document.image, document.by or DocumentOrigin()
    parts = [document.id, image, *(f"{image}:{tag}" for tag in document.tags)]
    parts += [claim or "" for claim in (by.repository, by.run, by.ref, by.sha, by.actor)]
    for target in document.targets:
        parts += [f"{target.kind} {'/'.join(filter(None, (target.namespace, target.name)))}", target.cluster]
    return "\n".join(parts).casefold()
