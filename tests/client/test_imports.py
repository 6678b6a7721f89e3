import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.client.actions import Actions
from tests.client.reports import READY
from tests.fakes.pace import slack

HEAVY = {
    "yaml",
    "quart",
    "quart_trio",
    "cryptography",
    "jwt",
    "hypercorn",
    "valkey",
    "prometheus_client",
}
MOST_SECONDS = 5  # a fifth of a second on a quiet machine: this finds what is absurd, not what is slow
LOCK = Path(__file__).parents[2] / "deploy" / "action" / "requirements.lock"


def modules_after(code: str) -> set[str]:
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return set(printed.splitlines()[-1].split())


def not_in_the_lock() -> set[str]:
    """What can be imported here, but not where the action runs."""
    locked = set(re.findall(r"^([a-z0-9-]+)==", LOCK.read_text(), re.MULTILINE))
    return {name for name, (first, *_) in packages_distributions().items() if canonical(first) not in locked} - {"krt"}


def canonical(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


# What is not allowed is not found, so that what only looks for it goes on without.
WHOLE_RUN = """
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in forbidden:
            raise ModuleNotFoundError(name)
import json
sys.meta_path.insert(0, Nothing())
from krt.cli.main import main
assert main(['notify', 'shop:dev', '--wait'], environ) == 0
"""


def test_the_command_imports_none_of_the_daemon() -> None:
    modules = modules_after("import krt.cli.notify, krt.cli.notification, krt.client.command")
    assert not HEAVY & {name.partition(".")[0] for name in modules}
    assert "krt.client.live" not in modules


def test_a_whole_run_imports_nothing_but_what_the_action_installs(actions: Actions) -> None:
    actions.reports = [READY]
    forbidden = not_in_the_lock()
    assert forbidden >= HEAVY
    assert "krt.client.wait" in modules_after(f"forbidden, environ = {forbidden}, {actions.environ}\n{WHOLE_RUN}")


def test_adding_the_parser_imports_no_http() -> None:
    modules = modules_after("import krt.cli.main, krt.cli.notify")
    assert not {"httpx", "trio", "ssl", "krt.client.command"} & modules


def test_importing_the_command_takes_no_absurd_time() -> None:
    arguments = [sys.executable, "-X", "importtime", "-c", "import krt.client.command"]
    report = subprocess.run(arguments, capture_output=True, text=True, check=True).stderr
    total_microseconds = sum(int(line.split("|")[0].rpartition(":")[2]) for line in report.splitlines()[1:])
    assert total_microseconds < slack(MOST_SECONDS) * 1e6
