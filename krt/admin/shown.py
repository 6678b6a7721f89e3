"""What of an event's report the live page shows, and which events somebody wants to see. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from krt.core.report.report import EventState, GroupState
from krt.core.report.report_document import Document, DocumentOrigin, ListedCluster, ListedTarget
from krt.core.report.target import URGENCY

MOST_FILTER_CHARACTERS = 200
_MOST_PARAMETERS = 10


@dataclass(frozen=True, slots=True)
class Filter:
    """All of the words, anywhere in the event; and its state, unless that is empty."""

    text: str = ""
    state: str = ""

    def admits(self, document: Document) -> bool:
        """Whether somebody who asks for this wants to see the event."""
        if self.state and self.state != document.state:
            return False
        words = self.text.casefold().split()
        return not words or all(word in searched for searched in [_searched(document)] for word in words)

    @property
    def query(self) -> str:
        """As it stands in an address, with its question mark; empty where everything is admitted."""
        given = {name: value for name, value in (("q", self.text), ("state", self.state)) if value}
        return f"?{urlencode(given)}" if given else ""


def parse_filter(query: bytes) -> Filter:
    """The filter that an address asks for; what is no filter asks for everything."""
    given = parse_query(query)
    state = given.get("state", "")
    return Filter(given.get("q", "").strip()[:MOST_FILTER_CHARACTERS], state if state in set(EventState) else "")


def parse_query(query: bytes) -> dict[str, str]:
    """The parameters of an address; none where they are too many to be anything of ours."""
    try:
        return dict(parse_qsl(query.decode("latin-1"), max_num_fields=_MOST_PARAMETERS))
    except ValueError:
        return {}


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page makes of a document. `hidden`: how many workloads are not among the `targets`."""

    targets: Sequence[ListedTarget]
    hidden: int
    tally: Sequence[tuple[str, int]]
    run: str  # empty where it is no address of the web
    several_clusters: bool
    noteworthy: Sequence[ListedCluster]


def shown(document: Document, *, most_targets: int) -> Shown:
    """What its template takes besides the document, with no more than so many targets."""
    targets = document.targets
    chosen = targets if len(targets) <= most_targets else _urgent(targets, most_targets)
    more = sum(cluster.more or 0 for cluster in document.clusters)
    tally = Counter(target.state for target in targets)
    run = (document.by and document.by.run) or ""
    return Shown(
        targets=chosen,
        hidden=len(targets) - len(chosen) + more,
        tally=[(state, tally[state]) for state in URGENCY if tally[state]],
        run=run if run.startswith(("https://", "http://")) else "",
        several_clusters=len({each.cluster for each in targets} | {each.name for each in document.clusters}) > 1,
        noteworthy=[cluster for cluster in document.clusters if _is_noteworthy(cluster)],
    )


def _urgent(targets: Sequence[ListedTarget], most: int) -> list[ListedTarget]:
    """The most urgent ones, in the order that they had."""
    ranked = sorted(range(len(targets)), key=lambda index: (URGENCY[targets[index].state], index))
    return [targets[index] for index in sorted(ranked[:most])]


def _is_noteworthy(cluster: ListedCluster) -> bool:
    return cluster.state not in {GroupState.MATCHED, GroupState.SETTLED} or bool(cluster.reason)


def _searched(document: Document) -> str:
    image, by = document.image, document.by or DocumentOrigin()
    parts = [document.id, image, *(f"{image}:{tag}" for tag in document.tags), by.repository or "", by.run or ""]
    for target in document.targets:
        parts += [f"{target.kind} {target.namespace}/{target.name}", target.cluster]
    return "\n".join(parts).casefold()
