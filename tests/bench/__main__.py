"""`python -m tests.bench [PARTS] [--deployments 100,1000] [--smoke]`: measures krt beside bare clients.

Needs the programs that tests/apiserver/build makes, for all but `webhook` and `connections`. docs/performance.md says
what is asked and what was found.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from tests.bench.bundle import bundle
from tests.bench.cluster import cluster
from tests.bench.delivery import ROUND_TRIPS_MS, delivery
from tests.bench.figures import Figures
from tests.bench.lasting import connections, resync, steady
from tests.bench.lists import lists
from tests.bench.servers import Servers, servers
from tests.bench.webhook import webhook

PARTS = ("webhook", "connections", "delivery", "bundle", "cluster", "lists", "resync", "steady")
_OF_CLUSTER = {"delivery", "bundle", "cluster", "lists", "resync", "steady"}


def main() -> int:
    """0 also where a ratio is missed, for machines differ: it is said. `--strict` makes that 1."""
    told = _arguments()
    figures = Figures()
    with TemporaryDirectory(prefix="krt-bench-") as folder:
        try:
            trio.run(_measure, told, figures, Path(folder))
        finally:
            if told.out:
                figures.write(told.out)
    for missed in figures.missed:
        print(f"MISSED {missed}")
    return 1 if told.strict and figures.missed else 0


async def _measure(told: argparse.Namespace, figures: Figures, folder: Path) -> None:
    parts = set(told.parts or PARTS)
    async with servers(folder, cluster=bool(parts & _OF_CLUSTER)) as around:
        if "webhook" in parts:
            await webhook(around, figures, requests=100 if told.smoke else 600, rounds=1 if told.smoke else told.rounds)
        if "connections" in parts:
            await connections(around, figures)
        await _deliveries(told, parts, around, figures)
        if not parts & (_OF_CLUSTER - {"delivery", "bundle"}):
            return
        for deployments in told.deployments:
            assert around.fleet is not None
            await around.fleet.grow(deployments)
            if "cluster" in parts:
                rounds = 1 if told.smoke else told.rounds
                await cluster(around, figures, deployments=deployments, events=10 if told.smoke else 150, rounds=rounds)
            if "lists" in parts:
                await lists(around, figures, rounds=1 if told.smoke else told.rounds)
            if "resync" in parts:
                await resync(around, figures)
        if "steady" in parts:
            await steady(around, figures, seconds=6 if told.smoke else told.steady_seconds)


async def _deliveries(told: argparse.Namespace, parts: set[str], around: Servers, figures: Figures) -> None:
    rounds = 1 if told.smoke else told.rounds
    if "delivery" in parts:
        objects, far = (20, [20]) if told.smoke else (200, ROUND_TRIPS_MS)
        await delivery(around, figures, objects=objects, rounds=rounds, round_trips_ms=far)
    if "bundle" in parts:
        await bundle(around, figures, instances=3, objects=10 if told.smoke else 100, rounds=rounds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all if none is named")
    parser.add_argument("--deployments", type=_numbers, default=[100, 1000, 10_000, 30_000], metavar="N,N")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is taken")
    parser.add_argument("--steady-seconds", type=float, default=3600)
    parser.add_argument("--smoke", action="store_true", help="a minute in all, to see that it still runs")
    parser.add_argument("--strict", action="store_true", help="fail where a ratio is missed")
    parser.add_argument("--out", type=Path, help="also write the figures there, as JSON")
    told = parser.parse_args()
    if unknown := set(told.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if told.smoke:
        told.deployments = [300]
    return told


def _numbers(text: str) -> list[int]:
    return sorted(int(number) for number in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
