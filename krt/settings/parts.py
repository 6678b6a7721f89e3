"""The table of every setting, one row each, grouped in the dataclasses that hand the values to krt's parts.

Each help text completes "KRT_X is required: …" and stands in `--help` and docs/configuration.md.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from krt.broker.endpoint import Endpoint, FromFile, Tls, parse_endpoint
from krt.core.caller.patterns import ImagePattern, parse_prefix
from krt.core.caller.policy import Rule
from krt.core.caller.who import Who, parse_owner
from krt.core.kube.restartable import DEPLOYMENT, REACHABLE
from krt.oidc.config import Issuer, parse_audience, parse_issuer, parse_proxy
from krt.proxies import IpNetwork
from krt.secret import Secret
from krt.serving.address import Address, parse_address
from krt.settings.policy import read_policy
from krt.settings.table import setting
from krt.settings.values import (
    Listed,
    as_proxy,
    authorities_file,
    channel_name,
    count,
    duration,
    host_name,
    kubeconfig_files,
    kubernetes_name,
    log_level,
    network,
    one_of,
    readable_file,
    stars,
    switch,
    without_password,
)


@dataclass(frozen=True, slots=True)
class Process:
    """Settings of the process, in every role."""

    log_level: str = setting(
        "LOG_LEVEL", "--log-level", log_level, "the lowest level to log: debug, info, warning or error", default="info"
    )
    grace_seconds: float = setting(
        "KRT_GRACE",
        "--grace",
        duration,
        "the time in which running requests and restarts may finish after SIGTERM",
        default="25s",
        metavar="DURATION",
    )
    dev_mode: bool | None = setting(
        "DEV_MODE",
        "--dev-mode",
        switch,
        "for krt all: embed the parts that are missing, as --dev does; web and worker refuse it",
        default="false",
        metavar="BOOL",
        switch=True,
    )


@dataclass(frozen=True, slots=True)
class ValkeySettings:
    """Settings of the connection to Valkey and of the journal there, in every role except the controller."""

    addr: Endpoint = setting(
        "VALKEY_ADDR",
        "--valkey-addr",
        parse_endpoint,
        "Valkey: host:port, or a valkey://, valkeys:// or unix:// URL",
        default=None,
        metavar="ADDRESS",
        shown=without_password,
    )
    channel: str = setting(
        "VALKEY_CHANNEL",
        "--valkey-channel",
        channel_name,
        "the PubSub channel of events",
        default="kuberollouttrigger",
        metavar="NAME",
    )
    username: str | None = setting(
        "VALKEY_USERNAME", "--valkey-username", str, "the ACL user to authenticate as", metavar="NAME"
    )
    username_file: Path | None = setting(
        "VALKEY_USERNAME_FILE",
        "--valkey-username-file",
        readable_file,
        "a file that holds the user's name, read again at each connect",
        metavar="FILE",
    )
    password: Secret | None = setting(
        "VALKEY_PASSWORD", "--valkey-password", Secret, "the user's password", metavar="SECRET", shown=stars
    )
    password_file: Path | None = setting(
        "VALKEY_PASSWORD_FILE",
        "--valkey-password-file",
        readable_file,
        "a file that holds the password, read again at each connect",
        metavar="FILE",
    )
    tls: bool = setting(
        "VALKEY_TLS_ENABLED",
        "--valkey-tls",
        switch,
        "connect with TLS",
        default="false",
        metavar="BOOL",
        switch=True,
    )
    ca_file: Path | None = setting(
        "KRT_VALKEY_CA_FILE",
        "--valkey-ca-file",
        authorities_file,
        "the CA certificates to trust Valkey by, instead of the system's",
        metavar="FILE",
    )
    cert_file: Path | None = setting(
        "KRT_VALKEY_CERT_FILE",
        "--valkey-cert-file",
        readable_file,
        "the client certificate to show to Valkey",
        metavar="FILE",
    )
    key_file: Path | None = setting(
        "KRT_VALKEY_KEY_FILE",
        "--valkey-key-file",
        readable_file,
        "the key of that certificate, if it is in a file of its own",
        metavar="FILE",
    )
    most_journal_entries: int = setting(
        "KRT_MAX_JOURNAL",
        "--max-journal",
        count(100, 10_000_000),
        "how many events the journal may hold; beyond that, calls are answered 503, well before Valkey is full",
        default="100000",
        metavar="NUMBER",
    )
    key_prefix: str = setting(
        "KRT_KEY_PREFIX",
        "--key-prefix",
        kubernetes_name,
        "the prefix of every key, in braces; each krt on a shared Valkey needs its own",
        default="krt",
        metavar="NAME",
    )

    def endpoint(self) -> Endpoint:
        """The address, TLS and credentials of Valkey. The user and password settings win over those in the URL."""
        tls = Tls(self.ca_file, self.cert_file, self.key_file) if self.tls or self.addr.tls else None
        username = FromFile(self.username_file) if self.username_file else self.username
        password = FromFile(self.password_file) if self.password_file else self.password
        return replace(
            self.addr, username=username or self.addr.username, password=password or self.addr.password, tls=tls
        )


@dataclass(frozen=True, slots=True)
class Admission:
    """Settings that say which images may be announced and restarted, in every role except the controller."""

    policy: tuple[Rule, ...] | None = setting(
        "KRT_POLICY",
        "--policy",
        read_policy,
        "a file of rules that say who may announce which images (docs/policy.md), "
        "instead of GITHUB_ALLOWED_ORG and ALLOWED_IMAGE_PREFIX",
        metavar="FILE",
    )
    images: tuple[ImagePattern, ...] | None = setting(
        "ALLOWED_IMAGE_PREFIX",
        "--allowed-image-prefix",
        parse_prefix,
        "the image, or the registry path above the images, that events may name, such as ghcr.io/acme; "
        "not needed with KRT_POLICY",
        metavar="PREFIX",
    )

    @property
    def patterns(self) -> tuple[ImagePattern, ...]:
        """Every image pattern in the prefix setting and in the rules of the policy."""
        return (*(self.images or ()), *(pattern for rule in self.policy or () for pattern in rule.images))


@dataclass(frozen=True, slots=True)
class Web:
    """Settings of `krt web`."""

    listen: Address = setting(
        "WEB_LISTEN_ADDR",
        "--listen-addr",
        parse_address,
        "where the public listener listens",
        default=":8080",
        metavar="ADDRESS",
    )
    trusted_proxies: tuple[IpNetwork, ...] = setting(
        "KRT_TRUSTED_PROXIES",
        "--trusted-proxies",
        Listed(network),
        "networks of trusted proxies: krt believes their X-Forwarded-For and does not limit their connections",
        metavar="CIDRS",
    )
    max_waiting: int = setting(
        "KRT_MAX_WAITING",
        "--max-waiting",
        count(0, 100_000),
        "how many calls may wait for a report to change, at 55 KB of memory each; further calls are answered at once",
        default="1000",
        metavar="NUMBER",
    )
    audience: str = setting(
        "GITHUB_OIDC_AUDIENCE",
        "--github-oidc-audience",
        parse_audience,
        "the audience that tokens are made for: this installation's own URL",
        default=None,
        metavar="URL",
    )
    allowed_org: Who | None = setting(
        "GITHUB_ALLOWED_ORG",
        "--github-allowed-org",
        parse_owner,
        "the GitHub organisation whose repositories may call, as acme@65 with its immutable id; "
        "not needed with KRT_POLICY",
        metavar="OWNER[@ID]",
    )
    issuer: Issuer = setting(
        "KRT_OIDC_ISSUER",
        "--oidc-issuer",
        parse_issuer,
        "the issuer of the tokens: GitHub, ghe.com, or an Enterprise Server",
        default="https://token.actions.githubusercontent.com",
        metavar="URL",
        may_be_empty=False,
    )
    issuer_proxy: str | None = setting(
        "KRT_OIDC_PROXY",
        "--oidc-proxy",
        parse_proxy,
        "the HTTP proxy for calls to the issuer",
        metavar="URL",
        shown=as_proxy,
    )
    issuer_ca_file: Path | None = setting(
        "KRT_OIDC_CA_FILE",
        "--oidc-ca-file",
        authorities_file,
        "the CA certificates to trust the issuer by, instead of the system's",
        metavar="FILE",
    )


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """Settings of the connection to the API server, in the worker and the controller."""

    kubeconfig: Path | None = setting(
        "KUBECONFIG",
        "--kubeconfig",
        kubeconfig_files,
        "a kubeconfig file, or several as kubectl takes them; empty: the pod's own service account",
        metavar="FILE",
    )


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Settings of `krt worker`: the cluster, and how it restarts workloads."""

    name: str = setting(
        "KRT_CLUSTER",
        "--cluster",
        kubernetes_name,
        "this cluster's name, unique among all clusters that share the Valkey",
        default="default",
        metavar="NAME",
    )
    replace: bool = setting(
        "KRT_CLUSTER_REPLACE",
        "--cluster-replace",
        switch,
        "take the cluster's name over from another cluster that holds it",
        default="false",
        metavar="BOOL",
        switch=True,
    )
    namespaces: tuple[str, ...] = setting(
        "KRT_NAMESPACES",
        "--namespaces",
        Listed(kubernetes_name),
        "the namespaces to watch, by namespaced calls; empty: the whole cluster",
        metavar="NAMES",
    )
    kinds: tuple[str, ...] = setting(
        "KRT_KINDS",
        "--kinds",
        Listed(one_of(*REACHABLE), least=1),
        f"the kinds of objects that events reach: {', '.join(REACHABLE)}",
        default=DEPLOYMENT.kind,
        metavar="KINDS",
    )
    require_opt_in: bool = setting(
        "KRT_REQUIRE_OPT_IN",
        "--require-opt-in",
        switch,
        'restart only workloads annotated krt/restart: "enabled"',
        default="false",
        metavar="BOOL",
        switch=True,
    )
    min_interval_seconds: float = setting(
        "KRT_MIN_INTERVAL",
        "--min-interval",
        duration,
        "the least time between two restarts of one workload",
        default="5s",
        metavar="DURATION",
    )
    max_event_age_seconds: float = setting(
        "KRT_MAX_EVENT_AGE",
        "--max-event-age",
        duration,
        "how old an event may be when it is first matched, and how long its restarts are tried",
        default="1h",
        metavar="DURATION",
    )
    rollout_deadline_seconds: float = setting(
        "KRT_ROLLOUT_DEADLINE",
        "--rollout-deadline",
        duration,
        "the time after which an unfinished rollout is reported as failed",
        default="15m",
        metavar="DURATION",
    )
    kubernetes_events: bool = setting(
        "KRT_KUBERNETES_EVENTS",
        "--kubernetes-events",
        switch,
        "write a Kubernetes Event for each restarted workload; needs the right to create events of events.k8s.io",
        default="false",
        metavar="BOOL",
        switch=True,
    )
    restarts_per_second: int = setting(
        "KRT_RESTARTS_PER_SECOND",
        "--restarts-per-second",
        count(1, 10_000),
        "the most restarts a second, of all workloads together",
        default="20",
        metavar="NUMBER",
    )
    in_hand: int = setting(
        "KRT_IN_HAND",
        "--in-hand",
        count(1, 5000),
        "how many unsettled events one worker holds at a time",
        default="2000",
        metavar="NUMBER",
    )
    parallel_patches: int = setting(
        "KRT_PARALLEL_PATCHES",
        "--parallel-patches",
        count(1, 256),
        "how many patches are sent at a time",
        default="16",
        metavar="NUMBER",
    )


BUNDLES, SECRETS = "bundles", "secrets"


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """Settings of `krt controller`. Without `controllers` the process runs none."""

    controllers: tuple[str, ...] = setting(
        "KRT_CONTROLLERS",
        "--controllers",
        Listed(one_of(BUNDLES, SECRETS)),
        "the controllers to run, bundles or secrets; krt all runs none unless this is set",
        default=f"{BUNDLES},{SECRETS}",
        metavar="NAMES",
    )
    namespace: str | None = setting(
        "KRT_CONTROLLER_NAMESPACE",
        "--controller-namespace",
        kubernetes_name,
        "the namespace of the Lease, the inventories and the Secrets of sources; empty: the pod's own",
        metavar="NAME",
    )
    deployer: str = setting(
        "KRT_DEPLOYER",
        "--deployer",
        kubernetes_name,
        "the ServiceAccount of that namespace in whose name krt installs the objects of bundles",
        default="krt-deployer",
        metavar="NAME",
    )
    deadline_seconds: float = setting(
        "KRT_BUNDLE_DEADLINE",
        "--bundle-deadline",
        duration,
        "the time after which a bundle whose objects are not ready counts as failed",
        default="5m",
        metavar="DURATION",
    )
    sources_ca_file: Path | None = setting(
        "KRT_SOURCES_CA_FILE",
        "--sources-ca-file",
        authorities_file,
        "the CA certificates to trust registries and other sources by, instead of the system's",
        metavar="FILE",
    )


@dataclass(frozen=True, slots=True)
class Admin:
    """Settings of the listener for probes, metrics and the live page, in every role."""

    listen: Address = setting(
        "KRT_ADMIN_ADDR",
        "--admin-addr",
        parse_address,
        "where the admin listener listens",
        default=":8081",
        metavar="ADDRESS",
    )
    hosts: tuple[str, ...] = setting(
        "KRT_ADMIN_HOSTS",
        "--admin-hosts",
        Listed(host_name),
        "names under which a browser may ask for the live page, besides addresses, localhost and names of Services",
        metavar="NAMES",
    )
