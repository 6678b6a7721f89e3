"""TLS contexts for the API server. They are made of bytes and not of files, so that a changed file can be noticed."""

import os
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import NamedTemporaryFile

from cryptography.x509 import load_pem_x509_certificate

from krt.cluster.kubeconfig import Unusable


@dataclass(frozen=True, slots=True, repr=False)  # no repr, because it would show the key
class Material:
    """The parts of a context, as PEM bytes.

    If `authorities` is None, the operating system's are used. If `certificate` is None, krt presents none.
    `server_name` is the name to verify instead of the URL's host; `verify` is False for insecure-skip-tls-verify.
    `is_plain`: the server is called without TLS, and needs no authorities.
    """

    authorities: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None
    server_name: str | None = None
    verify: bool = True
    is_plain: bool = False

    def certificate_ends(self) -> datetime | None:
        """When krt's own certificate ends; None if there is none."""
        return load_pem_x509_certificate(self.certificate).not_valid_after_utc if self.certificate else None


# The flags that ssl.create_default_context sets. A call of it would read the system's authorities, which takes 20 ms.
_USUAL_FLAGS = ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT if sys.version_info >= (3, 13) else 0


class Context(ssl.SSLContext):
    """An SSLContext that verifies `server_name`, if that is set, instead of the URL's host.

    httpx has a request extension for this (`sni_hostname`), but httpcore 1.0.9 ignores it if a proxy is used.
    """

    server_name: str | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - as in ssl.SSLContext
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """The method of ssl.SSLContext, with `server_name` in the place of `server_hostname`."""
        return super().wrap_bio(incoming, outgoing, server_side, self.server_name or server_hostname, session)


@dataclass(slots=True)
class Secured:
    """The present TLS context, for new connections. `ApiConnections` closes the connections of an earlier context."""

    context: ssl.SSLContext


def context_of(material: Material) -> Context:
    """A new context. Blocks, because it may read the system's authorities, which takes 20 ms. Raises Unusable."""
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = material.server_name
    context.verify_flags |= _USUAL_FLAGS
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if material.authorities is not None or not material.is_plain:
        _trust(context, material.authorities)
    if material.certificate and material.key:
        _identify(context, material.certificate, material.key)
    if not material.verify:  # only where the kubeconfig says insecure-skip-tls-verify
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _trust(context: ssl.SSLContext, authorities: bytes | None) -> None:
    if authorities is None:
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(cadata=authorities.decode("ascii", errors="ignore"))
    except (ssl.SSLError, ValueError) as error:
        raise Unusable("its certificate authority holds no certificate in PEM form") from error
    if not context.get_ca_certs():
        raise Unusable("its certificate authority holds no certificate of an authority")


def _identify(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    try:
        with _file_of(certificate) as certificate_file, _file_of(key) as key_file:
            context.load_cert_chain(certificate_file, key_file, password=_no_passphrase)
        load_pem_x509_certificate(certificate)
    except (ssl.SSLError, ValueError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            raise Unusable("its client key does not belong to its client certificate") from error
        raise Unusable(
            "its client certificate holds no certificate, or its client key holds no unencrypted key, in PEM form"
        ) from error


@contextmanager
def _file_of(content: bytes) -> Iterator[str]:
    """The path of a file that has `content` during the block: OpenSSL reads certificates and keys from files only.

    On Linux the file is in memory and in no file system.
    """
    if not hasattr(os, "memfd_create"):
        with NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield file.name
        return
    with os.fdopen(os.memfd_create("krt"), "wb") as file:
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def _no_passphrase() -> str:
    """Refuses an encrypted key: without a callback OpenSSL would ask for a passphrase on the terminal, and wait."""
    return ""


def ended(material: Material) -> str:
    """A clause for the end of a sentence about a refusal, if krt's certificate has ended; otherwise ""."""
    ends = material.certificate_ends()
    if ends is None or ends > datetime.now(UTC):
        return ""
    return f"; its client certificate ended at {ends:%Y-%m-%dT%H:%M:%SZ}"
