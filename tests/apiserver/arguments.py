"""The command lines of the control plane's three processes."""

from pathlib import Path

from tests.apiserver.credentials import Credentials

CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "daemonset-controller",
    "job-controller",
    "garbage-collector-controller",
    "namespace-controller",
)


def etcd_arguments(folder: Path, client_url: str, peer_url: str) -> list[str]:
    return [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client_url}",
        f"--advertise-client-urls={client_url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=default={peer_url}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver_arguments(folder: Path, port: int, etcd_url: str, credentials: Credentials) -> list[str]:
    return [
        f"--etcd-servers={etcd_url}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",  # it refuses loopback addresses; nobody here uses the Service
        f"--cert-dir={folder}",
        f"--tls-cert-file={credentials.server_file}",
        f"--tls-private-key-file={credentials.server_file}",
        f"--token-auth-file={credentials.tokens_file}",
        f"--service-account-key-file={credentials.signing_key_file}",
        f"--service-account-signing-key-file={credentials.signing_key_file}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--authorization-mode=RBAC",
        # No controller here makes each namespace's service account, or takes the taint off a new node.
        "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
    ]


def controller_manager_arguments(kubeconfig: Path) -> list[str]:
    return [
        f"--kubeconfig={kubeconfig}",
        f"--controllers={','.join(CONTROLLERS)}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",  # its own limit of 20 would be what the tests wait for
        "--kube-api-burst=400",
    ]
