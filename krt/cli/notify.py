"""krt notify: its arguments and variables, and what is wrong with them."""

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from krt.cli.parser import BAD_INPUT
from krt.core import event
from krt.errors import EventInvalid, SettingsInvalid
from krt.settings.values import duration, readable_file

if TYPE_CHECKING:
    from krt.client.address import Server
    from krt.client.command import Notification
    from krt.client.token import TokenService

T = TypeVar("T")

DESCRIPTION = "Tell krt web, from a GitHub Actions job with `permissions: id-token: write`, that an image was pushed."
EPILOG = """\
exit codes: 0 accepted; 2 refused, or bad input; 3 not accepted within the timeout; 130 interrupted

GitHub sets ACTIONS_ID_TOKEN_REQUEST_URL, ACTIONS_ID_TOKEN_REQUEST_TOKEN and GITHUB_ACTIONS in the job.
HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR are honoured.
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str) -> None:
    """Add `notify` to the commands of krt."""
    parser = subparsers.add_parser(
        name,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    _add_event(parser.add_argument_group("event"))
    _add_server(parser.add_argument_group("krt web"))
    _add_output(parser.add_argument_group("output"))


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Send the event; the exit code."""
    from krt.client import command
    from krt.client.console import Console

    console = Console(sys.stdout, sys.stderr, github=bool(environ.get("GITHUB_ACTIONS")), as_json=args.as_json)
    try:
        return command.run(read(args, environ), console)
    except SettingsInvalid as error:
        console.fail(*error.problems, accepted=False)
        return BAD_INPUT


def read(args: argparse.Namespace, environ: Mapping[str, str]) -> "Notification":
    """What the arguments and variables ask for. Raises SettingsInvalid with every problem."""
    from krt.client.call import Message, Patience
    from krt.client.command import Notification

    problems: list[str] = []
    announced = _collect(problems, lambda: _event(args))
    server = _collect(problems, lambda: _server(args.url or environ.get("KRT_URL", "")))
    audience = args.audience or environ.get("KRT_AUDIENCE") or (server.origin if server else "")
    service = _collect(problems, lambda: _token_service(environ, audience))
    timeout_seconds = _collect(problems, lambda: _named("--timeout", duration, args.timeout))
    ca_file = _collect(problems, lambda: _named("--ca-file", readable_file, args.ca_file) if args.ca_file else None)
    if announced is None or server is None or service is None or timeout_seconds is None or problems:
        raise SettingsInvalid(tuple(problems))
    message = Message(server, announced, dry_run=args.dry_run)
    return Notification(message, service, ca_file, Patience(timeout_seconds=timeout_seconds))


def _add_event(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("image", metavar="IMAGE", help="the image, such as ghcr.io/acme/shop or ghcr.io/acme/shop:dev")
    group.add_argument("--tags", metavar="TAG,TAG", help="the tags that were pushed, if IMAGE names none")
    group.add_argument("--dry-run", action="store_true", help="only record what would be restarted")


def _add_server(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--url", metavar="URL", help="where krt web is, with or without /event (or the variable KRT_URL)"
    )
    group.add_argument(
        "--audience",
        metavar="TEXT",
        help="the audience krt web expects (or the variable KRT_AUDIENCE; default: the URL's origin)",
    )
    group.add_argument(
        "--timeout",
        metavar="DURATION",
        default="60s",
        help="how long to try until krt web accepts, such as 90s or 5m (default: 60s)",
    )
    group.add_argument(
        "--ca-file",
        metavar="FILE",
        help="authorities to trust as well, in PEM form (the variable SSL_CERT_FILE replaces the usual ones)",
    )


def _add_output(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--json",
        dest="as_json",
        action="store_true",
        help="print one JSON object on stdout, whatever the outcome",
    )


def _collect(problems: list[str], read: Callable[[], T]) -> T | None:
    try:
        return read()
    except (ValueError, EventInvalid) as error:
        problems.append(str(error))
        return None


def _named(name: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _event(args: argparse.Namespace) -> event.Event:
    return event.build(args.image, None if args.tags is None else [tag.strip() for tag in args.tags.split(",")])


def _server(url: str) -> "Server":
    from krt.client.address import parse_server

    if not url:
        raise ValueError("KRT_URL (or --url) is required: where krt web is, such as https://krt.example.com")
    return _named("KRT_URL (or --url)", parse_server, url)  # not shown: it may hold a password


def _token_service(environ: Mapping[str, str], audience: str) -> "TokenService":
    from krt.client.address import parse
    from krt.client.token import PERMISSION, TokenService

    url, secret = (
        environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", ""),
        environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", ""),
    )
    if not url or not secret:
        raise ValueError(
            "ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set: "
            f"{PERMISSION}, which a pull request from a fork never has"
        )
    _named("ACTIONS_ID_TOKEN_REQUEST_URL", parse, url)
    if not re.fullmatch(r"[!-~]+", secret):
        raise ValueError("ACTIONS_ID_TOKEN_REQUEST_TOKEN is no token")
    return TokenService(url, secret, audience)
