"""The objects of bundles, printed as YAML: the modules are pulled, each once, before anything is printed."""

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import trio

from krt.cli.cluster_bundles import ClusterBundle
from krt.cli.fleet import FleetUnavailable
from krt.cli.registry_login import registry_login
from krt.core.bundle.yaml_text import yaml_lines
from krt.core.fleet.bundle import Module
from krt.core.fleet.masked import masked_object
from krt.core.fleet.refusals import FleetInvalid
from krt.delivery.cue_program import find_cue
from krt.delivery.instance_objects import ObjectsOfInstance, objects_of_instance
from krt.delivery.module_pull import PulledModule, pull_module
from krt.proxies import proxies_of
from krt.settings.values import duration
from krt.sources.errors import SourceDenied, SourceRefused, SourceUnavailable
from krt.tls import adding_context


def add_registry(parser: argparse.ArgumentParser) -> None:
    """Add the flag for registries."""
    parser.add_argument("--ca-file", metavar="FILE", help="a PEM file of further authorities to trust for registries")


def built(found: Sequence[ClusterBundle], args: argparse.Namespace, environ: Mapping[str, str]) -> list[str]:
    """The lines to print. Raises FleetInvalid and FleetUnavailable."""
    modules = list(dict.fromkeys(instance.module for each in found for instance in each.bundle.instances))
    return trio.run(_built, found, modules, args, environ)


async def _built(
    found: Sequence[ClusterBundle], modules: Sequence[Module], args: argparse.Namespace, environ: Mapping[str, str]
) -> list[str]:
    pulled = await pull_all(modules, args, environ)
    objects_of = partial(objects_of_instance, program=find_cue(environ))
    return [line for each in found for line in await _lines(each, pulled, objects_of, shows_secrets=args.show_secrets)]


async def pull_all(
    modules: Sequence[Module], args: argparse.Namespace, environ: Mapping[str, str]
) -> dict[Module, PulledModule]:
    """The modules' files. Raises FleetInvalid and FleetUnavailable."""
    try:
        seconds, verify = duration(args.timeout), adding_context(Path(args.ca_file) if args.ca_file else None)
        logins = {each: registry_login(environ, each)[0] for each in {m.url.partition("/")[0] for m in modules}}
    except ValueError as error:
        raise FleetInvalid(str(error)) from error
    pulled = dict[Module, PulledModule]()
    for each in modules:
        try:
            with trio.fail_after(seconds):
                pulled[each] = await pull_module(each, logins.get, verify=verify, proxies=proxies_of(environ))
        except SourceRefused as error:
            raise FleetInvalid(f"oci://{each.url}: {error}") from error
        except (SourceDenied, SourceUnavailable) as error:
            raise FleetUnavailable(f"oci://{each.url}: {error}") from error
        except trio.TooSlowError:
            raise FleetUnavailable(f"oci://{each.url}: no answer within {seconds:g} s (--timeout)") from None
    return pulled


async def _lines(
    found: ClusterBundle, pulled: Mapping[Module, PulledModule], objects_of: ObjectsOfInstance, *, shows_secrets: bool
) -> list[str]:
    lines = [f"# {found.cluster}"] if found.cluster.name else []
    for instance in found.bundle.instances:
        module = pulled[instance.module]
        lines.append(f"# instance {instance.name}: oci://{instance.module.url}@{module.digest}")
        objects = await objects_of(instance, module, "")
        for manifest in (each for step in objects.steps for each in step):
            lines += ["---", *yaml_lines(masked_object(manifest, () if shows_secrets else instance.secrets))]
    return lines
