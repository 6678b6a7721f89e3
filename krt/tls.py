"""TLS contexts for the connections krt makes, from files, checked so that a mistake names its file."""

import ssl
from pathlib import Path

from krt.files import FileUnusable, check_file

_MOST_BYTES = 16 * 1024 * 1024  # the authorities of a whole system are 300 KiB


def client_context(ca_file: Path | None, cert_file: Path | None, key_file: Path | None) -> ssl.SSLContext:
    """The context for connections to a server whose name and chain are verified, with TLS 1.2 or newer.

    `ca_file` replaces the system's authorities; `cert_file` says who we are, and holds the key if there is no
    `key_file`. Blocking: it reads them. Raises ValueError, one sentence that names the file at fault.
    """
    for file in (ca_file, cert_file, key_file):
        _check_readable(file)
    context = _trusting(ca_file)
    # The defaults of `create_default_context`, said again because everything rests on them.
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _identify(context, cert_file, key_file)
    return context


def _check_readable(file: Path | None) -> None:
    try:
        if file is not None:
            check_file(file, most_bytes=_MOST_BYTES)
    except FileUnusable as error:
        raise ValueError(f"{file} cannot be read: {error.reason}") from error


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca_file)
    except ssl.SSLError as error:
        raise ValueError(f"{ca_file} holds no certificate of an authority in PEM form") from error


def _identify(context: ssl.SSLContext, cert_file: Path | None, key_file: Path | None) -> None:
    if cert_file is None:
        if key_file is not None:
            raise ValueError(f"{key_file} is a key without its certificate: name the certificate's file, too")
        return
    try:
        context.load_cert_chain(cert_file, key_file, password=_no_passphrase)
    except ssl.SSLError as error:
        raise ValueError(_why_not_loaded(error, cert_file, key_file or cert_file)) from error


def _why_not_loaded(error: ssl.SSLError, cert_file: Path, key_file: Path) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key_file} does not belong to the certificate in {cert_file}"
    if key_file == cert_file:
        return f"{cert_file} holds no certificate with its unencrypted key in PEM form"
    return f"{cert_file} holds no certificate, or {key_file} no unencrypted key, in PEM form"


def _no_passphrase() -> str:
    """Without this OpenSSL would ask on the terminal, and wait."""
    return ""
