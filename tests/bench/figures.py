"""Reads, collects and sums up what is measured."""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Figures:
    """What a run found, by part: printed as it comes, and written as JSON. `missed` are ratios beyond their bound."""

    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)

    def note(self, part: str, name: str, value: Any) -> None:
        self.found.setdefault(part, {})[name] = value
        print(f"{part}: {name}: {value}", flush=True)

    def ratio(
        self, part: str, name: str, value: float, *, at_most: float = math.inf, at_least: float = -math.inf
    ) -> None:
        """A figure that is asked for."""
        holds = at_least <= value <= at_most
        bound = f", asked: at most {at_most}" if at_most < math.inf else ""
        bound += f", asked: at least {at_least}" if at_least > -math.inf else ""
        self.note(part, name, f"{value:.2f}{bound}{'' if holds else ' - MISSED'}")
        if not holds:
            self.missed.append(f"{part}: {name}: {value:.2f}")

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(self.found, indent=1) + "\n")


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that so many percent are not above."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def in_milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and the worst, for a table."""
    return {
        "p50_ms": round(percentile(seconds, 50) * 1000, 2),
        "p99_ms": round(percentile(seconds, 99) * 1000, 2),
        "max_ms": round(max(seconds) * 1000, 2),
    }


def resident_megabytes(pid: int) -> tuple[float, float]:
    """What a process holds of memory now, and the most it ever held."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    now, most = (round(int(fields[name].split()[0]) / 1024, 1) for name in ("VmRSS", "VmHWM"))
    return now, most


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processors."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
