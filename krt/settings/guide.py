"""Generates docs/configuration.md from the table of settings.

Run `python -m krt.settings.guide > docs/configuration.md`. A test compares the file with the output.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping

from krt.settings.parts import Admission, ClusterSettings, ControllerSettings, ValkeySettings, Web
from krt.settings.roles import ROLES, TITLES, rows
from krt.settings.table import Setting, SettingsPart

_INTRODUCTION = """\
# Every setting

<!-- Made from the table in krt/settings/parts.py by `python -m krt.settings.guide > docs/configuration.md`. -->

`krt web`, `krt worker`, `krt controller` and `krt all` read their settings from environment variables. `krt all` takes
the settings of all others. `krt config web` (or `worker`, `controller`, `all`) prints every setting in force and its
source; `krt web --help` lists the settings as well.

- **Precedence.** Each variable has exactly one flag, `--flag value` or `--flag=value`. The flag wins. Flags cannot be
  abbreviated.
- **Empty.** An empty variable counts as not given; only `KRT_OIDC_ISSUER` must not be empty. An empty flag
  (`--kubeconfig=`) overrides its variable, if the setting is optional.
- **Secrets.** `VALKEY_USERNAME_FILE` and `VALKEY_PASSWORD_FILE` name mounted files; a newline at the end is not part of
  the secret. No secret is ever printed or logged.
- **Mistakes.** krt reports all mistakes of a start at once, one line each, with variable and flag. The exit code is 2.
- **Unknown variables.** A variable that begins with `KRT_` and is not a setting is a mistake too, because it may be a
  misspelt one. The variables that Kubernetes injects for a Service called `krt-…` are accepted
  (`KRT_WEB_SERVICE_HOST`, `KRT_WEB_PORT_80_TCP_ADDR` and so on).
- **Durations** are a number with a unit: `250ms`, `5s`, `15m`, `1h`; without a unit, seconds. **Times** are UTC
  everywhere.
- **Yes or no** is `true` or `false` (also `1`, `yes`, `on`, `0`, `no`, `off`, in any case). A flag alone, as in
  `--valkey-tls`, is `true`; `--valkey-tls=true` is the same.
- **Lists** are separated by commas.
- **Addresses to listen at** are `host:port`. Without a host, `:8080` means every address of the machine, IPv6 and
  IPv4. IPv6 addresses need brackets: `[::1]:8080`.
- **Proxies** come from `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY`, in upper or lower case, for calls to the API server
  and to the issuer. `NO_PROXY` lists the exceptions: `example.com` with the names below it, `.example.com`,
  `10.0.0.1`, `10.0.0.0/8`, `fd00::/8`, a port after a name or an address, or `*`. Loopback never uses a proxy. A
  kubeconfig's `proxy-url`, and KRT_OIDC_PROXY, win over these variables. Proxies are `http://` or `https://`, no SOCKS.
- **Changes** take effect at the next start. krt reads the files of Valkey's user, password and certificates again at
  each connect, so that they can be rotated, and a kubeconfig, with the files and the plugin that it names, every
  minute.
- **Kubeconfigs** are read as kubectl reads them: `KUBECONFIG=a:b` merges files, and the first file that names a thing
  wins; `as` makes krt impersonate that user; a context without a user means calls without credentials. krt refuses by
  name the parts that it does not support: `auth-provider`, a SOCKS proxy, a plugin with `interactiveMode: Always`, an
  unknown field, a user or cluster that is missing. A plugin's `command` with a slash is relative to the kubeconfig; one
  without a slash is looked up on the PATH of krt, not on a PATH in the plugin's `env`.
"""

_NOTES: Mapping[type[SettingsPart], str] = {
    ValkeySettings: """\
`VALKEY_ADDR` is `valkey:6379`, `[::1]:6379`, `valkey://user:password@host:6379/0`, `valkeys://…` (with TLS) or
`unix:///path/of/socket?db=0`. A setting of its own, such as `VALKEY_PASSWORD`, wins over the same part of the URL.
""",
    Admission: """\
`krt web` and `krt all` take either `KRT_POLICY`, or `ALLOWED_IMAGE_PREFIX` together with `GITHUB_ALLOWED_ORG`. `krt
worker` takes `KRT_POLICY` or `ALLOWED_IMAGE_PREFIX`. If both are given, it obeys both.

`ghcr.io/acme` admits the image `ghcr.io/acme` and all images below `ghcr.io/acme/`. `ghcr.io/acme/` admits only the
images below. Neither admits `ghcr.io/acme-evil/shop`. Names are resolved as Kubernetes resolves them:
`docker.io/library/` admits `nginx`.
""",
    Web: """\
`GITHUB_ALLOWED_ORG=acme@65` names the owner by its id, which stays when names change. Without the id, an account that
takes over the name `acme` may call. The id is in `https://api.github.com/users/acme`.
""",
    ClusterSettings: """\
krt never restarts a workload annotated `krt/restart: "disabled"`. Without `KRT_NAMESPACES`, the annotation on a
Namespace holds for all its workloads, if krt may list namespaces. With `KRT_REQUIRE_OPT_IN`, `krt/restart: "enabled"`
on a Namespace opts in those of its workloads that do not have the annotation themselves.

A BundleDeployment is in no namespace, so `KRT_NAMESPACES` does not concern it. The cluster must serve the kind before
`KRT_KINDS` names it ([Bundles](bundles.md#an-event-reaches-a-bundledeployment)).
""",
    ControllerSettings: """\
`krt controller` takes no settings of Valkey or images, because it takes no events. [Bundles](bundles.md) and
[App secrets](app-secrets.md) say what it does, and which rights it needs. It waits for the kinds of each controller in
`KRT_CONTROLLERS`: name only those whose kinds the cluster serves. `krt all` runs it only if `KRT_CONTROLLERS` is set.
""",
}
_END = """\
## Other commands

`krt all --dev` embeds a Valkey, an issuer and a stand-in for a cluster. It takes the same settings, with three
exceptions. It listens at `127.0.0.1:8080` and `127.0.0.1:8081` unless a setting says otherwise. It refuses every
address that other machines can reach. It ignores the variables of the parts that it embeds: to use another Valkey or
cluster, give the flag (`--valkey-addr`, `--kubeconfig`). Then the other variables of that part count (`VALKEY_USERNAME`
and `VALKEY_PASSWORD_FILE`, say).

`krt notify` has settings of its own: [Announcing an image from GitHub Actions](github-actions.md).
"""


def guide() -> str:
    """The text of docs/configuration.md."""
    sections = [_section(part, title) for part, title in TITLES.items()]
    return "\n".join([_INTRODUCTION, *sections, _END])


def _section(part: type[SettingsPart], title: str) -> str:
    of_roles = {role: settings for role in ROLES if (settings := rows(role).get(part))}
    head = [f"## {title}", "", f"Of {_spoken(of_roles)}.", ""]
    table = ["| variable | flag | default | meaning |", "|---|---|---|---|"]
    names = next(iter(of_roles.values()))
    lines = [_line({role: settings[name] for role, settings in of_roles.items()}) for name in names]
    notes = ["", _NOTES[part].rstrip()] if part in _NOTES else []
    return "\n".join([*head, *table, *lines, *notes, ""])


def _line(of_roles: dict[str, Setting]) -> str:
    row = next(iter(of_roles.values()))
    cells = (f"`{row.variable}`", f"`{row.flag}`", _default(of_roles), row.help)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(of_roles: dict[str, Setting]) -> str:
    usual, *others = dict.fromkeys(_written(row) for row in of_roles.values())
    exceptions = (f"{_spoken(_having(other, of_roles))}: {other}" for other in others)
    return "; ".join([usual, *exceptions])


def _having(default: str, of_roles: dict[str, Setting]) -> Iterator[str]:
    return (role for role, row in of_roles.items() if _written(row) == default)


def _written(row: Setting) -> str:
    if row.default is None:
        return "required"
    return f"`{row.default}`" if row.default else ""


def _spoken(roles: Iterable[str]) -> str:
    *first, last = (f"`krt {role}`" for role in roles)
    return f"{', '.join(first)} and {last}" if first else last


if __name__ == "__main__":
    sys.stdout.write(guide())
