"""krt all --dev: runs the daemon with embedded servers, and prints a command line that sends it an event."""

import ipaddress
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from krt import logs
from krt.daemon.root import run as run_daemon
from krt.daemon.shared import Bound
from krt.dev.embed import Embedded, embedded
from krt.errors import OutputLost, SettingsInvalid
from krt.output import tell
from krt.serving.address import Address
from krt.settings.load import Settings, load

# --dev ignores the variables of the parts that it embeds: a variable left over in a shell must not lead krt to a real
# cluster. Only --kubeconfig or --valkey-addr replaces an embedded part. Then the variables of that part count, because
# a password must not be a flag.
_OF_ISSUER = {"KRT_OIDC_ISSUER", "KRT_OIDC_PROXY", "KRT_OIDC_CA_FILE"}
_OF_CLUSTER = {"KUBECONFIG", "KRT_NAMESPACES"}
_OF_VALKEY = {
    "VALKEY_ADDR",
    "VALKEY_USERNAME",
    "VALKEY_USERNAME_FILE",
    "VALKEY_PASSWORD",
    "VALKEY_PASSWORD_FILE",
    "VALKEY_TLS_ENABLED",
    "KRT_VALKEY_CA_FILE",
    "KRT_VALKEY_CERT_FILE",
    "KRT_VALKEY_KEY_FILE",
}
_SIMPLE_POLICY = {"GITHUB_ALLOWED_ORG", "ALLOWED_IMAGE_PREFIX"}  # replaced by a policy file, if one is given
_LISTEN = {"WEB_LISTEN_ADDR": "127.0.0.1:8080", "KRT_ADMIN_ADDR": "127.0.0.1:8081"}
_KINDS = {"KRT_KINDS": "Deployment,BundleDeployment"}  # of the stand-in's samples


async def run(flags: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Run until a signal stops it. Returns and raises as krt.daemon.root.run does."""
    with_valkey, with_cluster = "--valkey-addr" not in flags, "--kubeconfig" not in flags
    ignored = _OF_ISSUER | (_OF_VALKEY if with_valkey else set()) | (_OF_CLUSTER if with_cluster else set())
    own = {name: value for name, value in environ.items() if name not in ignored}
    async with embedded(valkey=with_valkey, cluster=with_cluster) as parts_of_dev:
        usual = {**_LISTEN, **(_KINDS if with_cluster else {})}
        settings = load("all", flags, {**usual, **own, **_needed(parts_of_dev.environ, flags, own)})
        _check_loopback(settings)
        logs.configure(settings.process.log_level, readable=sys.stderr.isatty())
        return await run_daemon(settings, task_status=_Greeting(parts_of_dev))


def _needed(embedded: Mapping[str, str], flags: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    has_policy = flags.get("--policy", own.get("KRT_POLICY"))
    return {name: value for name, value in embedded.items() if not (has_policy and name in _SIMPLE_POLICY)}


@dataclass(frozen=True, slots=True)
class _Greeting:
    """A task status that prints the greeting once the daemon has started."""

    embedded: Embedded

    def started(self, value: Bound | None = None) -> None:
        """Print the addresses and the command line that sends an event."""
        assert value is not None, "the daemon passes its addresses"
        web, admin = value["web"][0], value["admin"][0]
        with suppress(OutputLost):  # krt runs even if nobody reads the greeting
            tell(
                "krt all --dev, for trying krt out; this machine alone can reach it. It started:",
                *(f"  {part}" for part in self.embedded.started),
                f"  krt itself at http://{web}, with probes and the live page at http://{admin}",
                "Send it an event from a second terminal:\n",
                f"{self._line(web)}\n",
            )

    def _line(self, web: Address) -> str:
        variables = {"KRT_URL": f"http://{web}", **self.embedded.job_environ}
        words = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
        return " ".join([*words, *_this_krt(), "notify", self.embedded.image, "--tags", ",".join(self.embedded.tags)])


def _this_krt() -> list[str]:
    command = Path(sys.argv[0])
    if command.name == "__main__.py":
        return [shlex.quote(sys.executable), "-m", "krt"]
    return [shlex.quote(str(command.absolute()))]


def _check_loopback(settings: Settings) -> None:
    listening = {"WEB_LISTEN_ADDR (or --listen-addr)": settings.web, "KRT_ADMIN_ADDR (or --admin-addr)": settings.admin}
    problems = tuple(
        f"{name}: --dev listens on this machine only, such as 127.0.0.1:8080; {part.listen} is open to others"
        for name, part in listening.items()
        if part and not _is_loopback(part.listen)
    )
    if problems:
        raise SettingsInvalid(problems)


def _is_loopback(address: Address) -> bool:
    try:
        return address.host == "localhost" or ipaddress.ip_address(address.host).is_loopback
    except ValueError:
        return False
