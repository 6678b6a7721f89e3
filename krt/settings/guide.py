"""Every setting for people to read: docs/configuration.md, made from the table.

`python -m krt.settings.guide > docs/configuration.md` writes it; a test compares.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping

from krt.settings.parts import Admission, ClusterSettings, ValkeySettings, Web
from krt.settings.roles import ROLES, TITLES, rows
from krt.settings.table import Setting, SettingsPart

_INTRODUCTION = """\
# Every setting

<!-- Made from the table in krt/settings/parts.py by `python -m krt.settings.guide > docs/configuration.md`. -->

`krt web`, `krt worker` and `krt all` read their settings from environment variables. `krt all` takes the settings of
both others. `krt config web` (or `worker`, `all`) prints every setting in force and where it came from; `krt web
--help` lists them as well.

- **Precedence.** Each variable has exactly one flag, `--flag value` or `--flag=value`; the flag wins. A flag is never
  abbreviated.
- **Empty.** A variable that is empty counts as not given; only `KRT_OIDC_ISSUER` must not be empty. An empty flag
  (`--kubeconfig=`) takes back what its variable says, where a setting may be left out.
- **Secrets.** `VALKEY_USERNAME_FILE` and `VALKEY_PASSWORD_FILE` name mounted files; a line end at their end is not
  part of the secret. No secret is ever printed or logged.
- **Mistakes.** Whatever is wrong with a start is said at once, a line each, naming variable and flag; the exit code
  is 2.
- **Unknown variables.** A variable that begins with `KRT_` and is no setting is a mistake too, lest a misspelt one be
  passed over. What Kubernetes injects for a Service called `krt-…` (`KRT_WEB_SERVICE_HOST`,
  `KRT_WEB_PORT_80_TCP_ADDR` and so on) is not.
- **Durations** are a number with a unit: `250ms`, `5s`, `15m`, `1h`; without a unit, seconds. **Times** are UTC
  everywhere.
- **Yes or no** is `true` or `false` (also `1`, `yes`, `on`, `0`, `no`, `off`, in any case). A flag alone, as in
  `--valkey-tls`, is `true`; `--valkey-tls=true` is the same.
- **Lists** are separated by commas.
- **Addresses to listen at** are `host:port`. Without a host, `:8080`, they mean every address of the machine, IPv6
  and IPv4. IPv6 addresses stand in brackets: `[::1]:8080`.
- **Proxies** are those of `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY`, in upper or lower case, on the way to the API
  server and to the issuer. `NO_PROXY` lists what is asked directly: `example.com` with the names below it,
  `.example.com`, `10.0.0.1`, `10.0.0.0/8`, `fd00::/8`, a port behind a name or an address, or `*`. Loopback never takes
  a proxy. A kubeconfig's `proxy-url`, and KRT_OIDC_PROXY, come first. Proxies are `http://` or `https://`, no SOCKS.
- **Changes** take effect at the next start. The files of Valkey's user, password and certificates are read again at
  each connect, so that they can be rotated; a kubeconfig, and the files and the plugin that it names, every minute.
- **Kubeconfigs** are read as kubectl reads them: `KUBECONFIG=a:b` merges files, the first to name a thing is believed,
  and `as` makes krt ask in that name. What krt does not do is refused by its name: `auth-provider`, a SOCKS proxy, a
  plugin with `interactiveMode: Always`, a field that it does not know.
"""

_NOTES: Mapping[type[SettingsPart], str] = {
    ValkeySettings: """\
`VALKEY_ADDR` is `valkey:6379`, `[::1]:6379`, `valkey://user:password@host:6379/0`, `valkeys://…` (with TLS) or
`unix:///path/of/socket?db=0`. What is given by a setting of its own goes before what stands in the URL.
""",
    Admission: """\
`krt web` and `krt all` take either `KRT_POLICY`, or `ALLOWED_IMAGE_PREFIX` together with `GITHUB_ALLOWED_ORG`. `krt
worker` takes `KRT_POLICY` or `ALLOWED_IMAGE_PREFIX`, or both, and then obeys both.

`ghcr.io/acme` admits the image `ghcr.io/acme` and everything below `ghcr.io/acme/`; `ghcr.io/acme/` only what is
below; neither admits `ghcr.io/acme-evil/shop`. Names mean what Kubernetes resolves them to: `docker.io/library/`
admits `nginx`.
""",
    Web: """\
`GITHUB_ALLOWED_ORG=acme@65` names the owner by its id, which stays when names change: without it, whoever takes over
the name `acme` may call. The id is in `https://api.github.com/users/acme`.
""",
    ClusterSettings: """\
A workload annotated `krt/restart: "disabled"` is left alone, whatever is set here; without `KRT_NAMESPACES`, so is all
that is in a Namespace with that annotation, if krt may list namespaces. With `KRT_REQUIRE_OPT_IN` a Namespace that is
annotated `krt/restart: "enabled"` there opts in the workloads that do not bear the annotation themselves.
""",
}
_END = """\
## Other commands

`krt all --dev` embeds a Valkey, an issuer and a stand-in for a cluster. It takes the same settings, except that it
listens at `127.0.0.1:8080` and `127.0.0.1:8081` unless a setting says otherwise, refuses every address that others can
reach, and passes over the variables of what it embeds: a flag (`--valkey-addr`, `--kubeconfig`) is needed to have it
use another.

`krt notify` has its own: [Announcing an image from GitHub Actions](github-actions.md).
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
