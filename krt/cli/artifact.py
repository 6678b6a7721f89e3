"""krt artifact: checks a plain bundle, packs it as an image and pushes it into a registry."""

import argparse
import json
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import trio

from krt.cli.problems import collect, named
from krt.cli.registry_login import registry_login
from krt.cli.roles import bad_input
from krt.client import exits
from krt.core.bundle.pack import PackedImage, pack
from krt.core.bundle.plain import objects_of
from krt.core.bundle.tree import FileTree
from krt.errors import SettingsInvalid
from krt.output import say, tell
from krt.proxies import Proxies, proxies_of
from krt.settings.values import duration
from krt.sources.docker_config import RegistryLogin
from krt.sources.errors import SourceDenied, SourceRefused, SourceUnavailable, SourceUntrusted
from krt.sources.folder import read_folder
from krt.sources.push import push
from krt.sources.reference import RegistryReference, parse_reference
from krt.sources.registry import open_registry
from krt.tls import adding_context

_SUMMARY = "check a folder of Kubernetes manifests, and push it into a registry as a plain bundle"
_DESCRIPTION = (
    "Check the Kubernetes manifests in DIR/manifests, pack them as a container image (the same files give the "
    "same bytes), and push the image to REFERENCE with the credentials of `docker login`."
)
_EPILOG = (
    "DOCKER_CONFIG names the folder of docker's config.json (default: ~/.docker). HTTPS_PROXY, ALL_PROXY, NO_PROXY, "
    "SSL_CERT_FILE and SSL_CERT_DIR are honoured. "
    "Exit codes: 0 pushed; 1 the registry refused or did not answer; 2 bad input, and nothing was sent."
)


@dataclass(frozen=True, slots=True)
class _Task:
    """Everything that is known before the first call. `note` explains a missing login, as the end of a refusal."""

    reference: RegistryReference
    tree: FileTree
    image: PackedImage
    objects: int
    login: RegistryLogin | None
    note: str
    verify: ssl.SSLContext
    timeout_seconds: float


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> None:
    """Add `artifact` to the commands of krt."""
    description = "Push bundles of Kubernetes manifests into registries."
    parser = subparsers.add_parser(name, help=summary, description=description)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    pushing = actions.add_parser("push", help=_SUMMARY, description=_DESCRIPTION, epilog=_EPILOG)
    pushing.add_argument("folder", metavar="DIR", help="the folder that has the manifests in its folder `manifests`")
    pushing.add_argument("reference", metavar="REFERENCE", help="such as ghcr.io/acme/shop-bundle:main")
    pushing.add_argument(
        "-o", "--output", metavar="FORMAT", choices=("text", "json"), default="text", help="text (default) or json"
    )
    pushing.add_argument("--ca-file", metavar="FILE", help="a PEM file of further authorities to trust")
    pushing.add_argument(
        "--timeout", metavar="DURATION", default="5m", help="how long the push may take, such as 90s (default: 5m)"
    )
    pushing.set_defaults(run=run_push)


def run_push(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Check, pack and push the bundle. Returns the exit code."""
    try:
        task = _read(args, environ)
    except SettingsInvalid as error:
        return bad_input(error)
    problem = trio.run(_pushed, task, proxies_of(environ))
    if args.output == "json":
        tell(json.dumps({**_document(task), "state": "failed" if problem else "pushed", "problem": problem}))
    elif not problem:
        tell(f"pushed {task.reference}, objects: {task.objects}, files: {len(task.tree.files)}", task.image.digest)
    if problem:
        say(sys.stderr, f"krt: {problem}")
    return exits.FAILED if problem else exits.DONE


async def _pushed(task: _Task, proxies: Proxies) -> str:
    """Push the image. Returns a sentence that says why the push failed, or "" if it succeeded."""
    try:
        with trio.fail_after(task.timeout_seconds):
            async with open_registry(task.reference, task.login, verify=task.verify, proxies=proxies) as registry:
                await push(registry, task.reference, task.image)
    except trio.TooSlowError:
        return f"{task.reference.host} has not taken the bundle within {task.timeout_seconds:g} s (--timeout)"
    except SourceDenied as error:
        return f"{error}{task.note}"
    except SourceUntrusted as error:
        return f"{error} (see --ca-file)"
    except (SourceRefused, SourceUnavailable) as error:
        return str(error)
    return ""


def _document(task: _Task) -> dict[str, object]:
    return {
        "reference": str(task.reference),
        "digest": task.image.digest,
        "objects": task.objects,
        "files": len(task.tree.files),
    }


def _read(args: argparse.Namespace, environ: Mapping[str, str]) -> _Task:
    """The task that the arguments ask for. Raises SettingsInvalid with every problem."""
    problems: list[str] = []
    bundle = collect(problems, lambda: _bundle(Path(args.folder)))
    reference = collect(problems, lambda: named(repr(args.reference), _reference, args.reference, SourceRefused))
    seconds = collect(problems, lambda: named("--timeout", duration, args.timeout))
    verify = collect(problems, lambda: adding_context(Path(args.ca_file) if args.ca_file else None))
    found = collect(problems, lambda: registry_login(environ, reference.host)) if reference else None
    if bundle is None or reference is None or seconds is None or verify is None or found is None:
        raise SettingsInvalid(tuple(problems))
    tree, objects = bundle
    return _Task(reference, tree, pack(tree.files), objects, *found, verify, seconds)


def _bundle(folder: Path) -> tuple[FileTree, int]:
    tree = read_folder(folder)
    return tree, len(named(str(folder), objects_of, tree))


def _reference(text: str) -> RegistryReference:
    found = parse_reference(text)
    if found.digest:
        raise ValueError("a push needs a tag and no digest: krt computes the digest")
    return found
