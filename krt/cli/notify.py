"""krt notify: declares the arguments and their help, and starts the command."""

import argparse
from collections.abc import Mapping

from krt.client import exits
from krt.errors import SettingsInvalid

DESCRIPTION = "Tell krt web, from a GitHub Actions job with `permissions: id-token: write`, that an image was pushed."
_CODES = "\n".join(f"  {code:<4} {meaning}" for code, meaning in exits.MEANINGS.items())
EPILOG = f"""\
exit codes:
{_CODES}

GitHub sets these in the job: ACTIONS_ID_TOKEN_REQUEST_URL, ACTIONS_ID_TOKEN_REQUEST_TOKEN, GITHUB_ACTIONS,
GITHUB_STEP_SUMMARY and GITHUB_OUTPUT (for the outputs event, state and report). KRT_PAGE_URL is the URL of krt's live
page, for the link that is printed. The status URL needs a token of the same repository and works for a day; a browser
cannot open it.
HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR are honoured.
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> None:
    """Add `notify` to the commands of krt."""
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    _add_event(parser.add_argument_group("event"))
    _add_server(parser.add_argument_group("krt web"))
    _add_wait(parser.add_argument_group("rollout"))
    _add_output(parser.add_argument_group("output"))


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Send the event. Returns the exit code."""
    from krt.cli.consoles import console_of
    from krt.cli.notification import read
    from krt.client import command

    console = console_of("krt notify", environ, as_json=args.as_json, has_outputs=True)
    try:
        return command.run(read(args, environ), console)
    except SettingsInvalid as error:
        console.fail(*error.problems, accepted=False)
        return exits.REFUSED


def _add_event(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("image", metavar="IMAGE", help="the image, such as ghcr.io/acme/shop or ghcr.io/acme/shop:dev")
    group.add_argument(
        "--tags",
        metavar="TAG,TAG",
        help="the pushed tags or whole references, if IMAGE has no tag, separated by commas or line ends",
    )
    group.add_argument("--dry-run", action="store_true", help="only record what would be restarted")


def _add_server(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--url", metavar="URL", help="the URL of krt web, with or without /event (or the variable KRT_URL)"
    )
    group.add_argument(
        "--audience",
        metavar="TEXT",
        help="the audience that krt web expects (or the variable KRT_AUDIENCE; default: the URL's origin)",
    )
    group.add_argument(
        "--ca-file",
        metavar="FILE",
        help="a PEM file of further authorities to trust (the variable SSL_CERT_FILE replaces the usual ones)",
    )


def _add_wait(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--wait", action="store_true", help="follow the rollout; exit 0 only if it becomes ready")
    group.add_argument(
        "--timeout",
        metavar="DURATION",
        help="how long the command may take, such as 90s or 5m "
        "(default: 60s; with --wait 15m, of which 60s until krt web accepts)",
    )
    group.add_argument("--allow-no-match", action="store_true", help="with --wait: exit 0 if nothing runs the image")


def _add_output(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--json",
        dest="as_json",
        action="store_true",
        help="print one JSON object on stdout, whatever the outcome; with --wait it holds the report",
    )
