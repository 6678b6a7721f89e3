import subprocess
import sys

HEAVY = {
    "kubernetes",
    "quart",
    "quart_trio",
    "cryptography",
    "jwt",
    "hypercorn",
    "valkey",
    "prometheus_client",
    "h2",
}
MOST_SECONDS = 5  # a fifth of a second on a quiet machine: this finds what is absurd, not what is slow


def test_the_command_imports_none_of_the_daemon() -> None:
    code = "import sys, krt.cli.notify, krt.client.command; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not HEAVY & {name.partition(".")[0] for name in modules.split()}


def test_adding_the_parser_imports_no_http() -> None:
    code = "import sys, krt.cli.main, krt.cli.notify; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"httpx", "trio", "ssl", "rich", "krt.client.command"} & set(modules.split())


def test_importing_the_command_takes_no_absurd_time() -> None:
    arguments = [sys.executable, "-X", "importtime", "-c", "import krt.client.command"]
    report = subprocess.run(arguments, capture_output=True, text=True, check=True).stderr
    total_microseconds = sum(int(line.split("|")[0].rpartition(":")[2]) for line in report.splitlines()[1:])
    assert total_microseconds < MOST_SECONDS * 1e6
