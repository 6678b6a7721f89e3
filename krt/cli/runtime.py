"""krt runtime build: prints the values that a runtime takes from its clusters. It only reads."""

import argparse
from collections.abc import Mapping

import trio

from krt.cli.fleet import add_clusters, add_files, printed, read_fleet
from krt.core.fleet.extract import RuntimeVariable
from krt.secret import STARS

_SUMMARY = "print the values that a runtime takes from its clusters"
_DESCRIPTION = (
    "Read the Runtime in FILE, take its values from each selected cluster in the order of their definition, and print "
    "them. Nothing is written to a cluster."
)
_EPILOG = (
    "Values out of Secrets are printed, too; --mask prints *** instead. Exit codes: 0 printed; 1 a cluster refuses or "
    "does not answer; 2 bad input: a wrong document, context or query, or a value that is not there."
)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> None:
    """Add `runtime` to the commands of krt."""
    parser = subparsers.add_parser(name, help=summary, description="Work with runtimes: clusters and their values.")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    build = actions.add_parser("build", help=_SUMMARY, description=_DESCRIPTION, epilog=_EPILOG)
    build.set_defaults(run=run_build)
    add_files(build, "runtime")
    build.add_argument("--mask", action="store_true", help="print *** for each value out of a Secret")
    add_clusters(build)


def run_build(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the values. Returns the exit code."""

    def build() -> list[str]:
        fleet, lines = read_fleet(args.files, args, environ), list[str]()
        for cluster, values in trio.run(fleet.values):
            if cluster.name and fleet.runtime.queries:
                lines.append(f"# {cluster}")
            lines += _lines(values, is_masked=args.mask)
        return lines

    return printed(build)


def _lines(found: Mapping[str, RuntimeVariable], *, is_masked: bool) -> list[str]:
    """The values in the order of their definition. One of several lines stands below its name, indented."""
    lines = list[str]()
    for name in found:
        text = STARS if is_masked and found[name].is_secret else found[name].text.reveal()
        first, *others = text.rstrip("\n").split("\n")
        lines += [f"{name}:", *(f"  {line}" for line in (first, *others))] if others else [f"{name}: {first}"]
    return lines or ["no values defined"]
