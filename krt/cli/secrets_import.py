"""krt secrets import: reads files of keys and values, and writes them into an app's Secret."""

import argparse
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from krt.cli.problems import collect
from krt.cli.publication import expanded
from krt.cli.secrets_run import ask, check_names, ended
from krt.core.app_secrets.import_plan import Import, ImportPlan
from krt.core.app_secrets.refusals import ValuesInvalid
from krt.core.app_secrets.values import (
    ENV,
    MOST_BYTES,
    MOST_FILE_BYTES,
    MOST_KEYS,
    AppValues,
    format_of,
    merged,
    read_value_files,
    read_values,
)
from krt.delivery.app_sources import Sources
from krt.errors import SettingsInvalid
from krt.files import read_file

_STDIN = "-"
_MOST_FILES = 100
_KINDS = ("added", "changed", "removed", "unchanged", "kept")
_OF_KUBELET = ".."  # a mounted Secret has its files in a folder `..2026_…`, and links to them beside it


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Import the values. Returns the exit code."""
    return ended(args, lambda: _imported(args, environ))


def _imported(args: argparse.Namespace, environ: Mapping[str, str]) -> tuple[Mapping[str, Any], list[str]]:
    wanted = _wanted(args)

    async def call(sources: Sources) -> ImportPlan:
        namespace = await sources.namespace_of(args.environment, args.namespace)
        return await sources.import_values(wanted, namespace, dry_run=args.dry_run)

    plan = ask(args, environ, call)
    return _document(plan, dry_run=args.dry_run), _lines(plan, dry_run=args.dry_run)


def _wanted(args: argparse.Namespace) -> Import:
    """Everything that can be known without a cluster. Raises SettingsInvalid with every problem."""
    problems: list[str] = []
    check_names(args, problems)
    if len(args.files) > _MOST_FILES or args.files.count(_STDIN) > 1:
        problems.append(f"-f stands at most {_MOST_FILES} times, and with - once")
        raise SettingsInvalid(tuple(problems))
    parts = [part for name in args.files if (part := collect(problems, partial(_read, name, args.format)))]
    values = None if problems else collect(problems, lambda: merged(parts))
    if values is None:
        raise SettingsInvalid(tuple(problems))
    return Import(args.app, values, args.replace)


def _read(name: str, form: str | None) -> AppValues:
    if name == _STDIN:
        return read_values("standard input", form or ENV, sys.stdin.buffer.read(MOST_FILE_BYTES + 1))
    path = expanded(name)
    if path.is_dir():
        return read_value_files(name, _folder(path))
    return read_values(name, form or format_of(name), read_file(path, most_bytes=MOST_FILE_BYTES))


def _folder(path: Path) -> dict[str, bytes]:
    """The bytes of each file by its name. Raises ValuesInvalid, and FileUnusable also for a folder in the folder."""
    names = sorted(each.name for each in path.iterdir() if not each.name.startswith(_OF_KUBELET))
    if len(names) > MOST_KEYS:
        raise ValuesInvalid(f"{path} has {len(names)} files, and krt takes {MOST_KEYS} at most")
    found: dict[str, bytes] = {}
    left = MOST_BYTES
    for name in names:
        found[name] = read_file(path / name, most_bytes=MOST_BYTES)
        left -= len(found[name])
        if left < 0:
            raise ValuesInvalid(f"{path}: its files have more than {MOST_BYTES} bytes, and a Secret holds no more")
    return found


def _document(plan: ImportPlan, *, dry_run: bool) -> dict[str, Any]:
    return {
        "secret": {"namespace": plan.key.namespace, "name": plan.key.name},
        "change": _change(plan),
        "dryRun": dry_run,
        "keys": {kind: list(getattr(plan, kind)) for kind in _KINDS},
    }


def _lines(plan: ImportPlan, *, dry_run: bool) -> list[str]:
    title = f"{plan.key}: {_change(plan)}{' (dry-run: nothing was written)' if dry_run else ''}"
    return [title, *(f"  {kind}: {', '.join(names)}" for kind in _KINDS if (names := getattr(plan, kind)))]


def _change(plan: ImportPlan) -> str:
    if plan.is_new:
        return "created"
    return "configured" if plan.changes else "unchanged"
