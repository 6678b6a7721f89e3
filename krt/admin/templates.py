"""Renders the fragments of the live page. All values are escaped as text (autoescape)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from quart_trio import QuartTrio

from krt.admin.refusals import RefusalCount
from krt.core.report.report_document import ListedTarget
from krt.core.report.target import TargetState

_BAR_HEIGHT = 12.0
_MOST_CHARACTERS = 100  # of one claim of a token, on a card


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of one app."""

    environment: Environment

    async def render(self, name: str, **values: Any) -> Markup:
        """Render one template. A missing value is an error. Other templates do not escape the result again."""
        return Markup(await self.environment.get_template(f"{name}.html").render_async(**values))  # noqa: S704 - escaped


def prepare(app: QuartTrio) -> Templates:
    """The app's templates, strict about names and with krt's own filters. Call it before a template is used."""
    app.jinja_options = {
        "autoescape": True,
        "undefined": StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
    }
    app.jinja_env.filters.update(_FILTERS)
    return Templates(app.jinja_env)


def _words(code: str) -> str:
    """A state or a reason in words; the log joins them by `_` or `-`."""
    return code.replace("_", " ").replace("-", " ")


def _moment(time: str) -> Markup:
    """`2026-11-21T06:40:38.123Z` as `2026-11-21 06:40:38 UTC`. The script of the page adds the age."""
    exact = f"{time[:10]} {time[11:19]} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(time, exact, exact) if time else Markup()


def _short(claim: str) -> str:
    return claim if len(claim) <= _MOST_CHARACTERS else f"{claim[: _MOST_CHARACTERS - 1]}…"


def _ref(ref: str) -> str:
    """`refs/heads/main` as `main`, `refs/tags/v1` as `tag v1`, `refs/pull/7/merge` as `pull/7/merge`."""
    branch = ref.removeprefix("refs/heads/")
    return branch if branch != ref else ref.replace("refs/tags/", "tag ", 1).removeprefix("refs/")


def _progress(target: ListedTarget) -> int:
    """The finished steps of a rollout: one for each pod that is updated and available, and one more if it is ready.

    It is an estimate: a report does not say which available pods are new, nor how many old ones are left.
    """
    updated, available, desired = target.updated or 0, target.available or 0, target.desired or 0
    return desired + 1 if target.state == TargetState.READY else max(0, min(updated, available, desired))


def _notes(target: ListedTarget) -> str:
    """Pod counts, duration, reason, delivered digest and warnings, as far as there are any."""
    reason = target.reason or ""
    pods = f"{target.updated} of {target.desired} updated, {target.available} available"
    is_said = not target.desired or pods in reason  # the reason of a deadline has the counts, too
    after = f"after {target.seconds}\u00a0s" if target.seconds else ""
    digest = f"digest {target.digest}" if target.digest else ""
    return "; ".join(filter(None, ["" if is_said else pods, after, reason, digest, *target.warnings]))


def _placed(target: ListedTarget) -> str:
    """Namespace and name; only the name of an object that is in no namespace."""
    return f"{target.namespace}/{target.name}" if target.namespace else target.name


def _bars(row: RefusalCount) -> Iterator[tuple[int, float, float]]:
    """The bars of the minutes with a count, each as (x, y, height)."""
    most = max(row.minutes)
    heights = (round(_BAR_HEIGHT * count / most, 1) for count in row.minutes)
    return ((x, _BAR_HEIGHT - height, height) for x, height in enumerate(heights) if height)


_FILTERS: Mapping[str, Callable[..., object]] = {
    "words": _words,
    "moment": _moment,
    "short": _short,
    "ref": _ref,
    "progress": _progress,
    "notes": _notes,
    "placed": _placed,
    "bars": _bars,
}
