"""Reads the settings of one start, and reports all their problems at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from krt.broker.endpoint import Unix
from krt.core.caller.policy import Rule
from krt.errors import SettingsInvalid
from krt.oidc.config import Issuer, check_audience
from krt.settings.parts import (
    Admin,
    Admission,
    ClusterSettings,
    ControllerSettings,
    Kubernetes,
    Process,
    ValkeySettings,
    Web,
)
from krt.settings.policy import problems_of_web, problems_of_worker, rules_of
from krt.settings.roles import PARTS_OF, known_variables, rows
from krt.settings.table import SettingsPart, SettingsReader, Value, settings_of
from krt.tls import client_context


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one start. `web`, `cluster` or `controller` is None if the role that reads it does not run.

    `events` are the settings of Valkey and of the images; None if only the controller runs.
    """

    process: Process
    admin: Admin
    events: tuple[ValkeySettings, Admission] | None
    kubernetes: Kubernetes | None
    web: Web | None
    cluster: ClusterSettings | None
    controller: ControllerSettings | None
    values: tuple[Value, ...]

    @property
    def role(self) -> str:
        """The role: all, web, worker or controller."""
        if self.web:
            return "all" if self.cluster else "web"
        return "worker" if self.cluster else "controller"

    @property
    def valkey(self) -> ValkeySettings:
        """The settings of Valkey. Only for a process that has `events`."""
        assert self.events is not None, "a controller alone has no Valkey"
        return self.events[0]

    @property
    def admission(self) -> Admission:
        """The settings that say which images may be named. Only for a process that has `events`."""
        assert self.events is not None, "a controller alone admits no images"
        return self.events[1]

    def rules(self) -> tuple[Rule, ...]:
        """The rules that say who may announce which images; only with the role web or all."""
        return rules_of(self.admission.policy, self.web.allowed_org if self.web else None, self.admission.images)


def load(role: str, flags: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """The settings of `krt ROLE`. `flags` maps flag names to values. Raises SettingsInvalid with every problem."""
    own = rows(role)
    reader = SettingsReader(flags, environ, rows=own, known=known_variables())
    read: dict[type[SettingsPart], Any] = {part: reader.read(part) for part in own}
    valkey, admission, web = read.get(ValkeySettings), read.get(Admission), read.get(Web)
    if Admission in own:
        reader.problems.extend(_policy_problems(role, reader.given()))
        reader.problems.extend(_given_together(reader.given()))
    reader.problems.extend(problems_of_audience(web.audience, web.issuer) if web else ())
    reader.problems.extend(_contradictions(valkey) if valkey else ())
    if reader.problems:
        raise SettingsInvalid(tuple(reader.problems))
    controller = read.get(ControllerSettings)
    return Settings(
        process=read[Process],
        admin=read[Admin],
        events=(valkey, admission) if valkey and admission else None,
        kubernetes=read.get(Kubernetes),
        web=web,
        cluster=read.get(ClusterSettings),
        controller=controller if controller and controller.controllers else None,
        values=tuple(reader.values),
    )


def load_valkey(flags: Mapping[str, str], environ: Mapping[str, str]) -> ValkeySettings:
    """Only the settings of Valkey, for a command that is not a daemon. Raises SettingsInvalid with every problem."""
    reader = SettingsReader(flags, environ, rows={ValkeySettings: settings_of(ValkeySettings)}, known=known_variables())
    valkey = reader.read(ValkeySettings)
    reader.problems.extend(_given_together(reader.given()))
    reader.problems.extend(_contradictions(valkey) if valkey else ())
    if valkey is None or reader.problems:
        raise SettingsInvalid(tuple(reader.problems))
    return valkey


def _given_together(given: frozenset[str]) -> Iterator[str]:
    for one, other in (("VALKEY_USERNAME", "VALKEY_USERNAME_FILE"), ("VALKEY_PASSWORD", "VALKEY_PASSWORD_FILE")):
        if {one, other} <= given:
            yield f"{one} and {other} are both given: one of them is enough"


def _policy_problems(role: str, given: frozenset[str]) -> Iterator[str]:
    admission, web = settings_of(Admission), settings_of(Web)
    if Web in PARTS_OF[role]:
        yield from problems_of_web(given, admission["policy"], web["allowed_org"], admission["images"])
    else:
        yield from problems_of_worker(given, admission["policy"], admission["images"])


def _contradictions(valkey: ValkeySettings) -> Iterator[str]:
    if valkey.tls and isinstance(valkey.addr.address, Unix):
        yield "VALKEY_TLS_ENABLED (or --valkey-tls) is for host:port: a unix socket has no name to verify"
    if (valkey.ca_file or valkey.cert_file or valkey.key_file) and not (valkey.tls or valkey.addr.tls):
        yield (
            "KRT_VALKEY_CA_FILE, KRT_VALKEY_CERT_FILE and KRT_VALKEY_KEY_FILE are for TLS: "
            "set VALKEY_TLS_ENABLED=true as well, or write VALKEY_ADDR as valkeys://host:port"
        )
    if valkey.cert_file or valkey.key_file:
        yield from _problem_of_certificate(valkey)


def _problem_of_certificate(valkey: ValkeySettings) -> Iterator[str]:
    try:
        client_context(None, valkey.cert_file, valkey.key_file)
    except ValueError as error:
        yield f"KRT_VALKEY_CERT_FILE and KRT_VALKEY_KEY_FILE: {error}"


def problems_of_audience(audience: str | None, issuer: Issuer) -> Iterator[str]:
    """One sentence if the issuer puts this audience into tokens by default (oidc.config.check_audience)."""
    try:
        if audience:
            check_audience(audience, issuer)
    except ValueError as error:
        yield f"{settings_of(Web)['audience']}: {error}"
