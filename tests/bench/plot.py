"""`python -m tests.bench.plot FIGURES.json … > growth.svg`: how three figures grow with the number of Deployments."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WIDTH, _HEIGHT, _MARGIN = 300, 220, 44
_COLOURS = ("#1f6feb", "#8b949e")
_Value = Callable[[dict[str, Any]], float]
_PANELS: tuple[tuple[str, tuple[tuple[str, _Value], ...]], ...] = (
    (
        "event to patch, p50 in ms",
        (
            ("krt, accepted to patch", lambda found: found["idle: accepted to patch"]["p50_ms"]),
            ("bare patch", lambda found: found["idle: bare patch"]["p50_ms"]),
        ),
    ),
    (
        "list, s",
        (
            ("krt, first byte to ready", lambda found: found["first byte to ready, s"]),
            ("bare list", lambda found: found["the bare list, s"]),
        ),
    ),
    ("worker's memory when ready, MB", (("krt", lambda found: found["worker's memory when ready, MB"]),)),
)


def svg(found: dict[str, dict[str, Any]]) -> str:
    """Three panels side by side; the sizes stand at equal distances."""
    by_size = {_size(part): figures for part, figures in found.items() if part.endswith(" Deployments")}
    by_size = {size: figures for size, figures in sorted(by_size.items()) if "idle: bare patch" in figures}
    panels = [_panel(number, title, lines, by_size) for number, (title, lines) in enumerate(_PANELS)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH * len(_PANELS)}" height="{_HEIGHT}" '
    return head + 'font-family="sans-serif" font-size="11">\n' + "\n".join(panels) + "\n</svg>\n"


def _size(part: str) -> int:
    number = part.removesuffix(" Deployments").replace(",", "")
    return int(number) if number.isdecimal() else 0


def _panel(number: int, title: str, lines: tuple[tuple[str, _Value], ...], by_size: dict[int, dict[str, Any]]) -> str:
    left, bottom = number * _WIDTH + _MARGIN, _HEIGHT - _MARGIN
    most = max(value(figures) for _, value in lines for figures in by_size.values()) * 1.15
    step = (_WIDTH - 2 * _MARGIN) / max(1, len(by_size) - 1)
    drawn = [f'<text x="{left}" y="16" font-weight="bold">{title}</text>']
    drawn.append(f'<path d="M{left} {_MARGIN}V{bottom}H{left + _WIDTH - 2 * _MARGIN}" fill="none" stroke="#8b949e"/>')
    for place, size in enumerate(by_size):
        drawn.append(f'<text x="{left + place * step}" y="{bottom + 14}" text-anchor="middle">{size:,}</text>')
    for order, ((name, value), colour) in enumerate(zip(lines, _COLOURS, strict=False)):
        places = [
            (left + place * step, bottom - value(figures) / most * (bottom - _MARGIN))
            for place, figures in enumerate(by_size.values())
        ]
        path = " ".join(f"{x:.0f},{y:.0f}" for x, y in places)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), figures in zip(places, by_size.values(), strict=True):
            drawn.append(f'<text x="{x:.0f}" y="{y - 5:.0f}" fill="{colour}">{value(figures):g}</text>')
        drawn.append(f'<text x="{left}" y="{_HEIGHT - 16 + order * 13}" fill="{colour}">{name}</text>')
    return "\n".join(drawn)


if __name__ == "__main__":
    everything: dict[str, dict[str, Any]] = {}
    for file in sys.argv[1:]:
        for part, figures in json.loads(Path(file).read_text()).items():
            everything.setdefault(part, {}).update(figures)
    sys.stdout.write(svg(everything))
