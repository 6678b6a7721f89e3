import ipaddress
import re
from pathlib import Path

import pytest
import trustme

from krt.broker.endpoint import FromFile, Tcp, Tls
from krt.core.caller.patterns import parse_prefix
from krt.core.caller.who import Who
from krt.errors import SettingsInvalid
from krt.secret import Secret
from krt.serving.address import Address
from krt.settings import table
from krt.settings.load import Settings, load
from krt.settings.roles import OF_OTHERS, ROLES, TITLES, rows
from krt.settings.table import Setting
from tests.settings.environments import OF_ROLE, WEB, WORKER

EVERY: dict[str, Setting] = {row.variable: row for part in rows("all").values() for row in part.values()}

NEEDING = [role for role in ROLES if OF_ROLE[role]]


def problems(role: str, environ: dict[str, str], flags: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsInvalid) as caught:
        load(role, flags or {}, environ)
    return caught.value.problems


def web(**environ: str) -> Settings:
    return load("web", {}, {**WEB, **environ})


def worker(**environ: str) -> Settings:
    return load("worker", {}, {**WORKER, **environ})


# The table itself.


def test_each_setting_has_one_variable_and_one_flag_of_its_own() -> None:
    settings = [row for part in rows("all").values() for row in part.values()]
    assert len({row.variable for row in settings}) == len({row.flag for row in settings}) == len(settings)


@pytest.mark.parametrize("row", EVERY.values(), ids=str)
def test_a_row_of_the_table_is_well_formed(row: Setting) -> None:
    assert re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|KUBECONFIG", row.variable)
    assert re.fullmatch(r"--[a-z0-9]+(-[a-z0-9]+)*", row.flag)
    assert row.help
    assert not row.help.endswith(".")
    if row.default:
        assert row.parse(row.default) is not None


@pytest.mark.parametrize("name", sorted({*EVERY, *OF_OTHERS}))
def test_no_setting_has_a_name_that_kubernetes_injects(name: str) -> None:
    assert not table._INJECTED.fullmatch(name)


def test_the_names_of_the_go_peer_are_kept() -> None:
    flags = {variable: EVERY[variable].flag for variable in EVERY if not variable.startswith("KRT_")}
    assert (
        flags.items()
        >= {
            "LOG_LEVEL": "--log-level",
            "VALKEY_ADDR": "--valkey-addr",
            "VALKEY_CHANNEL": "--valkey-channel",
            "VALKEY_USERNAME": "--valkey-username",
            "VALKEY_PASSWORD": "--valkey-password",
            "VALKEY_TLS_ENABLED": "--valkey-tls",
            "ALLOWED_IMAGE_PREFIX": "--allowed-image-prefix",
            "WEB_LISTEN_ADDR": "--listen-addr",
            "GITHUB_OIDC_AUDIENCE": "--github-oidc-audience",
            "GITHUB_ALLOWED_ORG": "--github-allowed-org",
            "KUBECONFIG": "--kubeconfig",
            "DEV_MODE": "--dev-mode",
        }.items()
    )


def test_all_has_the_settings_of_all_roles() -> None:
    both = {
        row.variable
        for role in ("web", "worker", "controller")
        for part in rows(role).values()
        for row in part.values()
    }
    assert set(EVERY) == both


def test_every_part_has_a_title() -> None:
    assert all(part in TITLES for role in ROLES for part in rows(role))


@pytest.mark.parametrize("name", ["VALKEY_PASSWORD", "VALKEY_ADDR", "KRT_OIDC_PROXY"])
def test_what_may_hold_a_secret_says_how_it_is_shown(name: str) -> None:
    shown = EVERY[name].shown
    assert shown is not None
    assert "hunter2" not in shown("hunter2" if name == "VALKEY_PASSWORD" else "http://krt:hunter2@host:1")


# A start.


def test_the_go_peers_variables_start_web() -> None:
    settings = load(
        "web",
        {},
        {
            "LOG_LEVEL": "info",
            "VALKEY_ADDR": "valkey:6379",
            "VALKEY_CHANNEL": "kuberollouttrigger",
            "VALKEY_USERNAME": "",
            "VALKEY_PASSWORD": "",
            "VALKEY_TLS_ENABLED": "false",
            "WEB_LISTEN_ADDR": ":8080",
            "ALLOWED_IMAGE_PREFIX": "ghcr.io/unitvectory-labs/",
            "GITHUB_OIDC_AUDIENCE": "https://kuberollouttrigger.example.com",
            "GITHUB_ALLOWED_ORG": "UnitVectorY-Labs",
            "DEV_MODE": "false",
            # and what Kubernetes adds
            "KUBERNETES_SERVICE_HOST": "10.0.0.1",
            "VALKEY_SERVICE_HOST": "10.0.0.2",
            "VALKEY_PORT": "tcp://10.0.0.2:6379",
            "KRT_WEB_SERVICE_PORT_HTTP": "8080",
        },
    )
    assert settings.web is not None
    assert settings.web.listen == Address("", 8080)
    assert settings.web.allowed_org == Who("UnitVectorY-Labs", None)
    assert settings.valkey.endpoint().address == Tcp("valkey", 6379)
    assert settings.cluster is None


def test_the_go_peers_variables_start_worker() -> None:
    settings = load(
        "worker",
        {},
        {"VALKEY_ADDR": "valkey:6379", "ALLOWED_IMAGE_PREFIX": "ghcr.io/unitvectory-labs/", "KUBECONFIG": ""},
    )
    assert settings.cluster is not None
    assert settings.kubernetes is not None
    assert settings.kubernetes.kubeconfig is None
    assert settings.web is None


def test_the_defaults_are_those_of_the_specification() -> None:
    settings = load("all", {}, WEB)
    assert settings.web is not None
    assert settings.cluster is not None
    assert settings.process.log_level == "info"
    assert settings.process.grace_seconds == 25.0
    assert settings.valkey.channel == "kuberollouttrigger"
    assert settings.valkey.tls is False
    assert settings.valkey.key_prefix == "krt"
    assert settings.web.listen == Address("", 8080)
    assert settings.web.issuer.url == "https://token.actions.githubusercontent.com"
    assert settings.web.trusted_proxies == ()
    assert settings.cluster.name == "default"
    assert settings.cluster.namespaces == ()
    assert settings.cluster.require_opt_in is False
    assert settings.cluster.min_interval_seconds == 5.0
    assert settings.cluster.max_event_age_seconds == 3600.0


@pytest.mark.parametrize(("role", "port"), [("web", 8081), ("all", 8081), ("worker", 8082), ("controller", 8083)])
def test_the_admin_listeners_of_all_roles_fit_in_one_pod(role: str, port: int) -> None:
    assert load(role, {}, OF_ROLE[role]).admin.listen == Address("", port)
    (own,) = (row for part in rows(role).values() for row in part.values() if row.variable == "KRT_ADMIN_ADDR")
    assert own.default == f":{port}"


def test_a_controller_alone_needs_nothing_and_has_no_valkey() -> None:
    settings = load("controller", {}, {})
    assert settings.controller is not None
    assert settings.controller.controllers == ("bundles", "secrets")
    assert (settings.role, settings.events, settings.web, settings.cluster) == ("controller", None, None, None)


def test_all_runs_a_controller_only_if_it_is_told_to() -> None:
    """So that no installation needs new rights. Seen to fail with the default `bundles` in each role."""
    assert load("all", {}, WEB).controller is None
    with_one = load("all", {}, {**WEB, "KRT_CONTROLLERS": "bundles"})
    assert with_one.controller is not None
    assert with_one.role == "all"


def test_a_controller_that_there_is_not_is_refused() -> None:
    [problem] = problems("controller", {"KRT_CONTROLLERS": "charts"})
    assert problem.startswith("KRT_CONTROLLERS (or --controllers): ")


def test_flags_win_over_variables() -> None:
    settings = load("web", {"--valkey-addr": "other:6380", "--valkey-tls": "true"}, {**WEB, "VALKEY_TLS_ENABLED": "no"})
    assert settings.valkey.endpoint().address == Tcp("other", 6380)
    assert settings.valkey.endpoint().tls == Tls()


def test_flags_alone_are_enough() -> None:
    flags = {row.flag: WEB[name] for name, row in EVERY.items() if name in WEB}
    assert load("web", flags, {}).web == web().web


def test_three_missing_settings_and_a_wrong_one_are_reported_together() -> None:
    found = problems("web", {"VALKEY_ADDR": "valkey:6379", "KRT_GRACE": "soon"})
    assert [problem.split(" ")[0] for problem in found] == [
        "KRT_GRACE",
        "GITHUB_OIDC_AUDIENCE",
        "GITHUB_ALLOWED_ORG",
        "ALLOWED_IMAGE_PREFIX",
    ]


@pytest.mark.parametrize("role", NEEDING)
def test_without_anything_each_required_setting_is_named(role: str) -> None:
    found = problems(role, {})
    assert {problem.split(" ")[0] for problem in found} == set(OF_ROLE[role])
    assert all(" (or --" in problem and " is required: " in problem for problem in found)


@pytest.mark.parametrize("role", NEEDING)
def test_an_empty_flag_of_a_required_setting_is_a_problem_too(role: str) -> None:
    flags = {EVERY[name].flag: "" for name in OF_ROLE[role]}
    assert len(problems(role, OF_ROLE[role], flags)) == len(flags)


@pytest.mark.parametrize("name", [name for name, row in EVERY.items() if row.default])
def test_an_empty_flag_never_leaves_a_setting_without_its_value(name: str) -> None:
    (problem,) = problems("all", WEB, {EVERY[name].flag: ""})
    assert problem.startswith(f"{name} (or {EVERY[name].flag}): ")


def test_settings_of_the_other_role_are_no_mistake() -> None:
    assert worker(KRT_OIDC_ISSUER="nonsense", WEB_LISTEN_ADDR="nonsense", KRT_URL="x").web is None
    assert web(KRT_NAMESPACES="NONSENSE", KUBECONFIG="/absent").cluster is None


@pytest.mark.parametrize("role", ROLES)
def test_a_misspelt_variable_is_a_mistake(role: str) -> None:
    (problem,) = problems(role, {**OF_ROLE[role], "KRT_MIN_INTERVALL": "1s"})
    assert problem == "KRT_MIN_INTERVALL is not a setting of krt; did you mean KRT_MIN_INTERVAL?"


@pytest.mark.parametrize(
    ("role", "name", "meant"),
    [
        ("web", "KRT_ADMIN_LISTEN", "KRT_ADMIN_ADDR"),
        ("worker", "KRT_ADMIN_BIND", "KRT_ADMIN_ADDR"),
        ("all", "KRT_ADMIN_LISTEN_ADDR", "KRT_ADMIN_ADDR"),
        ("web", "KRT_LISTEN", "WEB_LISTEN_ADDR"),
        ("web", "KRT_WEB_BIND", "WEB_LISTEN_ADDR"),
        ("web", "KRT_WEB_ADDRESS", "WEB_LISTEN_ADDR"),
        ("all", "KRT_VALKEY", "VALKEY_ADDR"),
        ("worker", "KRT_VALKEY_URL", "VALKEY_ADDR"),
        ("worker", "KRT_REDIS_URL", "VALKEY_ADDR"),
        ("web", "KRT_REDIS_PASSWORD", "VALKEY_PASSWORD"),
        ("web", "KRT_ISSUER", "KRT_OIDC_ISSUER"),
        ("web", "KRT_OIDC_ISSUER_URL", "KRT_OIDC_ISSUER"),
        ("web", "KRT_ALLOWED_ORG", "GITHUB_ALLOWED_ORG"),
        ("worker", "KRT_LISTEN", ""),
        ("worker", "KRT_BIND", ""),
        ("all", "KRT_ADDRESS", ""),
        ("all", "KRT_ADDR", ""),
        ("all", "KRT_DEBUG", ""),
    ],
)
def test_the_setting_that_is_meant_by_another_word_is_proposed_or_none(role: str, name: str, meant: str) -> None:
    """Seen to fail by the letters alone: KRT_ADMIN_LISTEN was KRT_ADMIN_HOSTS, KRT_LISTEN of a worker KRT_CLUSTER."""
    proposed = f"; did you mean {meant}?" if meant else ""
    assert f"{name} is not a setting of krt{proposed}" in problems(role, {**OF_ROLE[role], name: "x"})


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("LOG_LEVEL", "loud", "write one of debug"),
        ("KRT_GRACE", "0", "write a duration"),
        ("DEV_MODE", "maybe", "write true or false"),
        ("VALKEY_ADDR", "valkey", "is not an address with a port"),
        ("VALKEY_ADDR", "http://valkey:6379", "has a scheme that krt does not know"),
        ("VALKEY_ADDR", "valkey:0", "has a port outside of 1 to 65535"),
        ("VALKEY_PASSWORD_FILE", "/absent", "the file cannot be read"),
        ("VALKEY_TLS_ENABLED", "2", "write true or false"),
        ("KRT_KEY_PREFIX", "{krt}", "write up to 63"),
        ("KRT_MAX_JOURNAL", "99", "write a whole number from 100"),
        ("ALLOWED_IMAGE_PREFIX", "ghcr.io/acme/team-", "a prefix ends where a path component ends"),
        ("ALLOWED_IMAGE_PREFIX", "acme", "a prefix names registry and path"),
        ("WEB_LISTEN_ADDR", "8080", "is not a listen address"),
        ("WEB_LISTEN_ADDR", "::1:8080", "an IPv6 address stands in brackets"),
        ("KRT_TRUSTED_PROXIES", "10.0.0.1/8", "write networks such as"),
        ("GITHUB_OIDC_AUDIENCE", "https://github.com/acme", "by default"),
        ("GITHUB_ALLOWED_ORG", "acme@", "write a GitHub organisation"),
        ("KRT_OIDC_ISSUER", "http://issuer.example.com", "http is for an issuer on this machine only"),
        ("KRT_OIDC_PROXY", "socks5://proxy:1080", "write the proxy as"),
        ("KUBECONFIG", "/absent", "the file cannot be read"),
        ("KRT_CLUSTER", "Prod", "write up to 63"),
        ("KRT_NAMESPACES", "shop,shop", "listed twice"),
        ("KRT_KINDS", "Pod", "write Deployment or StatefulSet or DaemonSet"),
        ("KRT_KINDS", ",", "write 1 or more"),
        ("KRT_MIN_INTERVAL", "5 s", "write a duration"),
        ("KRT_PARALLEL_PATCHES", "257", "write a whole number from 1 to 256"),
        ("KRT_ADMIN_ADDR", ":99999", "ports end at 65535"),
    ],
)
def test_an_unusable_value_is_reported_with_variable_and_flag(name: str, value: str, sentence: str) -> None:
    (problem,) = problems("all", {**WEB, name: value})
    assert problem.startswith(f"{name} (or {EVERY[name].flag}): ")
    assert sentence in problem


SECRETS = {
    "VALKEY_ADDR": "valkey://krt:hunter2@valkey:port",
    "VALKEY_PASSWORD": "hunter2",
    "VALKEY_PASSWORD_FILE": "/hunter2",
    "VALKEY_TLS_ENABLED": "hunter2",
    "KRT_OIDC_PROXY": "http://krt:hunter2@proxy:port",
    "KRT_OIDC_CA_FILE": "/hunter2",
    "KUBECONFIG": "/hunter2",
    "KRT_GRACE": "hunter2",
    "KRT_HUNTED": "hunter2",
}


def test_no_problem_repeats_what_may_be_a_secret() -> None:
    found = problems("all", {**WEB, **SECRETS})
    assert len(found) >= len(SECRETS)
    assert "hunter2" not in " ".join(found)


def test_no_secret_is_in_what_can_be_printed_of_the_settings() -> None:
    settings = web(VALKEY_PASSWORD="hunter2", VALKEY_ADDR="valkey://krt:hunter2@valkey:6379")
    assert "hunter2" not in repr((settings.valkey.endpoint(), settings.valkey.password, settings.valkey.addr))
    assert "hunter2" not in " ".join(value.shown for value in settings.values)


@pytest.mark.parametrize("role", ["web", "all"])
def test_the_audience_of_every_token_of_an_enterprise_server_is_refused(role: str) -> None:
    own = {
        "KRT_OIDC_ISSUER": "https://ghes.example/_services/token",
        "GITHUB_OIDC_AUDIENCE": "https://ghes.example/acme",
    }
    (problem,) = problems(role, {**WEB, **own})
    assert problem.startswith("GITHUB_OIDC_AUDIENCE (or --github-oidc-audience): tokens are made for an audience under")


def test_an_empty_issuer_is_no_way_to_have_none_checked() -> None:
    (problem,) = problems("web", {**WEB, "KRT_OIDC_ISSUER": ""})
    assert problem.startswith("KRT_OIDC_ISSUER (or --oidc-issuer): write a URL")


# DEV_MODE.


@pytest.mark.parametrize("role", ["web", "worker"])
@pytest.mark.parametrize("text", ["true", "1", "yes"])
def test_web_and_worker_refuse_dev_mode_with_the_reason(role: str, text: str) -> None:
    (problem,) = problems(role, {**OF_ROLE[role], "DEV_MODE": text})
    assert problem == (
        f"DEV_MODE (or --dev-mode): krt {role} never runs without checking signatures; "
        "`krt all --dev` embeds an issuer whose tokens it checks"
    )


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("text", ["", "0", "false", "FALSE", "no"])
def test_dev_mode_that_is_off_means_nothing(role: str, text: str) -> None:
    assert load(role, {}, {**OF_ROLE[role], "DEV_MODE": text}).process.dev_mode is False


def test_dev_mode_is_refused_together_with_everything_else() -> None:
    found = problems("worker", {"DEV_MODE": "1", "LOG_LEVEL": "loud"})
    assert [problem.split(" ")[0] for problem in found] == [
        "LOG_LEVEL",
        "DEV_MODE",
        "VALKEY_ADDR",
        "ALLOWED_IMAGE_PREFIX",
    ]


# Valkey.


def test_what_is_given_by_itself_goes_before_what_stands_in_the_url() -> None:
    url = "valkeys://old:older@valkey:6380/3"
    endpoint = web(VALKEY_ADDR=url, VALKEY_USERNAME="krt", VALKEY_PASSWORD="hunter2").valkey.endpoint()
    assert isinstance(endpoint.password, Secret)
    assert (endpoint.username, endpoint.password.reveal(), endpoint.database) == ("krt", "hunter2", 3)
    assert endpoint.tls == Tls()
    kept = web(VALKEY_ADDR=url).valkey.endpoint()
    assert isinstance(kept.password, Secret)
    assert (kept.username, kept.password.reveal()) == ("old", "older")


def test_name_and_password_may_be_in_mounted_files(tmp_path: Path) -> None:
    for name in ("username", "password"):
        (tmp_path / name).write_text("x")
    settings = web(VALKEY_USERNAME_FILE=str(tmp_path / "username"), VALKEY_PASSWORD_FILE=str(tmp_path / "password"))
    assert settings.valkey.endpoint().username == FromFile(tmp_path / "username")
    assert settings.valkey.endpoint().password == FromFile(tmp_path / "password")


@pytest.mark.parametrize("name", ["VALKEY_USERNAME", "VALKEY_PASSWORD"])
def test_a_secret_given_twice_is_a_problem_whatever_else_is_wrong(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    found = problems("web", {name: "hunter2", f"{name}_FILE": str(tmp_path / "file")})
    assert f"{name} and {name}_FILE are both given: one of them is enough" in found


def test_tls_has_its_files(tmp_path: Path) -> None:
    ca, certificate = trustme.CA(), tmp_path / "client.pem"
    identity = ca.issue_cert("krt@example.com")
    identity.private_key_and_cert_chain_pem.write_to_path(str(certificate))
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    settings = web(
        VALKEY_TLS_ENABLED="true", KRT_VALKEY_CA_FILE=str(tmp_path / "ca.pem"), KRT_VALKEY_CERT_FILE=str(certificate)
    )
    assert settings.valkey.endpoint().tls == Tls(tmp_path / "ca.pem", certificate, None)


def test_files_of_tls_without_tls_are_a_problem(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (problem,) = problems("web", {**WEB, "KRT_VALKEY_CA_FILE": str(tmp_path / "ca.pem")})
    assert "are for TLS: set VALKEY_TLS_ENABLED=true as well" in problem


def test_a_certificate_without_its_key_and_a_key_without_its_certificate_are_problems(tmp_path: Path) -> None:
    identity = trustme.CA().issue_cert("krt@example.com")
    identity.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    identity.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    tls = {**WEB, "VALKEY_ADDR": "valkeys://valkey:6379"}
    (problem,) = problems("web", {**tls, "KRT_VALKEY_CERT_FILE": str(tmp_path / "cert.pem")})
    assert "holds no certificate with its unencrypted key" in problem
    (problem,) = problems("web", {**tls, "KRT_VALKEY_KEY_FILE": str(tmp_path / "key.pem")})
    assert "is a key without its certificate" in problem


def test_tls_over_a_unix_socket_is_a_problem() -> None:
    (problem,) = problems("web", {**WEB, "VALKEY_ADDR": "unix:///run/valkey.sock", "VALKEY_TLS_ENABLED": "true"})
    assert "a unix socket has no name to verify" in problem


# The others.


def test_lists_networks_and_names_arrive_as_values() -> None:
    settings = load(
        "all",
        {},
        {
            **WEB,
            "KRT_TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8",
            "KRT_NAMESPACES": "shop,cart",
            "KRT_REQUIRE_OPT_IN": "1",
        },
    )
    assert settings.web is not None
    assert settings.cluster is not None
    assert settings.web.trusted_proxies == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))
    assert settings.cluster.namespaces == ("shop", "cart")
    assert settings.cluster.require_opt_in is True
    assert settings.admission.images == parse_prefix("ghcr.io/acme/")
