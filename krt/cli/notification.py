"""Reads the arguments and variables of `krt notify`, and reports all problems at once."""

import argparse
import re
from collections.abc import Mapping

from krt.cli.consoles import summary_page
from krt.cli.problems import collect, named
from krt.client.address import KrtServer, parse, parse_server
from krt.client.call import Announcement, RetryPatience
from krt.client.command import Notification
from krt.client.token import PERMISSION, TokenService
from krt.client.wait import Wait
from krt.core.announce import announced
from krt.errors import EventInvalid, SettingsInvalid
from krt.settings.values import duration, readable_file

CALL_SECONDS, WAIT_SECONDS = 60.0, 900.0  # the defaults of --timeout


def read(args: argparse.Namespace, environ: Mapping[str, str]) -> Notification:
    """The notification that the arguments ask for. Raises SettingsInvalid with every problem."""
    problems: list[str] = []
    event = collect(problems, lambda: announced.read(args.image, args.tags), EventInvalid)
    server = collect(problems, lambda: _server(args.url or environ.get("KRT_URL", "")))
    audience = args.audience or environ.get("KRT_AUDIENCE") or (server.origin if server else "")
    service = collect(problems, lambda: _token_service(environ, audience))
    seconds = collect(problems, lambda: None if args.timeout is None else named("--timeout", duration, args.timeout))
    ca_file = collect(problems, lambda: named("--ca-file", readable_file, args.ca_file) if args.ca_file else None)
    wait = collect(problems, lambda: _wait(args, environ, seconds or WAIT_SECONDS))
    page = collect(problems, lambda: _page(environ.get("KRT_PAGE_URL", "")))
    if event is None or server is None or service is None or problems:
        raise SettingsInvalid(tuple(problems))
    message = Announcement(server, event, dry_run=args.dry_run, page=page or "")
    return Notification(message, service, ca_file, RetryPatience(timeout_seconds=seconds or CALL_SECONDS), wait)


def _server(url: str) -> KrtServer:
    if not url:
        raise ValueError("KRT_URL (or --url) is required: the URL of krt web, such as https://krt.example.com")
    return named("KRT_URL (or --url)", parse_server, url)  # the URL is not quoted: it may hold a password


def _page(url: str) -> str:
    if not url:
        return ""
    if not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", url) or not url.isprintable() or not url.isascii():
        raise ValueError("KRT_PAGE_URL: write the URL of krt's live page, such as https://krt-page.example.com")
    return url.rstrip("/")


def _wait(args: argparse.Namespace, environ: Mapping[str, str], seconds: float) -> Wait | None:
    if not args.wait and args.allow_no_match:
        raise ValueError("--allow-no-match needs --wait")
    return Wait(seconds, args.allow_no_match, summary_page(environ)) if args.wait else None


def _token_service(environ: Mapping[str, str], audience: str) -> TokenService:
    url, secret = (
        environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", ""),
        environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", ""),
    )
    if not url or not secret:
        here = f"{PERMISSION}, which a pull request from a fork never has"
        elsewhere = f"GitHub Actions sets them in a job, and {PERMISSION}"
        raise ValueError(
            "ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set: "
            f"{here if environ.get('GITHUB_ACTIONS') else elsewhere}"
        )
    named("ACTIONS_ID_TOKEN_REQUEST_URL", parse, url)
    if not re.fullmatch(r"[!-~]+", secret):
        raise ValueError("ACTIONS_ID_TOKEN_REQUEST_TOKEN is not a token")
    return TokenService(url, secret, audience)
