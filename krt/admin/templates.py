"""Renders the fragments of the live page. All values are escaped as text (autoescape)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from quart_trio import QuartTrio

from krt.admin.refusals import RefusalCount
from krt.core.report.report_document import ListedTarget
from krt.core.report.target import TargetState

_BAR_HEIGHT = 12.0


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of one app."""

    environment: Environment

    async def render(self, name: str, **values: Any) -> Markup:
        """Render one template. A missing value is an error. Other templates do not escape the result again."""
        return Markup(await self.environment.get_template(f"{name}.html").render_async(**values))  # noqa: S704 - escaped


def prepare(app: QuartTrio) -> Templates:
    """The app's templates, strict about names and with krt's own filters. Call it before any other use of them."""
    app.jinja_options = {
        "autoescape": True,
        "undefined": StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
    }
    app.jinja_env.filters.update(words=_words, clock=_clock, progress=_progress, notes=_notes, bars=_bars)
    return Templates(app.jinja_env)


def _words(state: str) -> str:
    return state.replace("_", " ")


def _clock(time: str) -> str:
    """`2026-11-21T06:40:38.123Z` as `2026-11-21 06:40:38`."""
    return f"{time[:10]} {time[11:19]}"


def _progress(target: ListedTarget) -> int:
    """The finished steps of a rollout: one for each pod that is updated and available, and one more if it is ready.

    It is an estimate: a report does not say which available pods are new, nor how many old ones are left.
    """
    updated, available, desired = target.updated or 0, target.available or 0, target.desired or 0
    return desired + 1 if target.state == TargetState.READY else max(0, min(updated, available, desired))


def _notes(target: ListedTarget) -> str:
    """Pod counts, duration, reason and warnings, as far as there are any."""
    pods = f"{target.updated} of {target.desired} updated, {target.available} available"
    after = f"after {target.seconds} s" if target.seconds else ""
    return "; ".join(filter(None, [pods if target.desired else "", after, target.reason or "", *target.warnings]))


def _bars(row: RefusalCount) -> Iterator[tuple[int, float, float]]:
    """The bars of the minutes with a count, each as (x, y, height)."""
    most = max(row.minutes)
    heights = (round(_BAR_HEIGHT * count / most, 1) for count in row.minutes)
    return ((x, _BAR_HEIGHT - height, height) for x, height in enumerate(heights) if height)
