"""Who may talk to the test API server: authority, admin's token, signing key of service account tokens."""

import json
import secrets
import ssl
import time
from dataclasses import dataclass
from pathlib import Path

import jwt
import trustme
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

# Measured: Kubernetes takes a service account's token for this long after its `exp`.
LEEWAY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files in one folder, kept over restarts of the API server."""

    ca_file: Path
    server_file: Path  # certificate and key
    signing_key_file: Path
    tokens_file: Path
    admin_token: str

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)


def write_credentials(folder: Path) -> Credentials:
    written = Credentials(
        ca_file=folder / "ca.crt",
        server_file=folder / "server.pem",
        signing_key_file=folder / "service-account.key",
        tokens_file=folder / "tokens.csv",
        admin_token=secrets.token_hex(16),
    )
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(written.ca_file))
    server = authority.issue_cert("127.0.0.1", "localhost")
    server.private_key_and_cert_chain_pem.write_to_path(str(written.server_file))
    written.signing_key_file.write_bytes(_private_key())
    written.tokens_file.write_text(f"{written.admin_token},admin,admin,system:masters\n")
    return written


def mint_token(credentials: Credentials, genuine: str, *, valid_seconds: int) -> str:
    """The genuine token over again, accepted only so long; the TokenRequest API makes none under 600 s.

    The API server goes by what it found out about a token for 10 s: one it has seen may live on for that.
    """
    claims = jwt.decode(genuine, options={"verify_signature": False})
    headers = {"kid": jwt.get_unverified_header(genuine)["kid"]}
    expiry = int(time.time()) - LEEWAY_SECONDS + valid_seconds
    moved = {"iat": expiry - 600, "nbf": expiry - 600, "exp": expiry}
    return jwt.encode(claims | moved, credentials.signing_key_file.read_text(), "ES256", headers)


def write_kubeconfig(path: Path, *, server: str, ca_file: Path, token: str, namespace: str = "default") -> Path:
    """One cluster, one user, one context. JSON, which is YAML too."""
    context = {"cluster": "test", "user": "test", "namespace": namespace}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority": str(ca_file)}}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": context}],
        "current-context": "test",
    }
    path.write_text(json.dumps(config))
    return path


def _private_key() -> bytes:
    key = generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
