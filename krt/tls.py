"""Makes TLS contexts for krt's outgoing connections from files. An error names the faulty file."""

import os
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path

from krt.files import FileUnusable, check_file

_MOST_BYTES = 16 * 1024 * 1024  # a whole system's CA bundle has about 300 KiB


def client_context(ca_file: Path | None, cert_file: Path | None, key_file: Path | None) -> ssl.SSLContext:
    """A client context that verifies the server's name and chain, with TLS 1.2 or newer.

    `ca_file` replaces the system's authorities. `cert_file` is the client certificate; it also holds the key if
    `key_file` is None. Blocks, because it reads the files. Raises ValueError with one sentence that names the faulty
    file.
    """
    for file in (ca_file, cert_file, key_file):
        _check_readable(file)
    context = _trusting(ca_file)
    # These are the defaults of `create_default_context`. They are written out because all of the trust rests on them.
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _identify(context, cert_file, key_file)
    return context


def adding_context(ca_file: Path | None) -> ssl.SSLContext:
    """A client context that trusts the authorities in `ca_file`, if there is one, in addition to the usual ones.

    The usual ones are the system's, or those of SSL_CERT_FILE and SSL_CERT_DIR. Blocks, because it reads the files.
    Raises ValueError with one sentence that names the faulty file; `ca_file` is that of the flag --ca-file.
    """
    usual = os.environ.get("SSL_CERT_FILE")
    files = {name: Path(file) for name, file in (("SSL_CERT_FILE", usual), ("--ca-file", ca_file)) if file}
    for name, file in files.items():
        _named(name, partial(_check_readable, file))
    context = ssl.create_default_context()  # OpenSSL itself reads the two variables, and passes over a faulty file
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for name, file in files.items():
        _named(name, partial(_add, context, file))
    return context


def _named(name: str, work: Callable[[], None]) -> None:
    try:
        work()
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _add(context: ssl.SSLContext, file: Path) -> None:
    try:
        context.load_verify_locations(cafile=file)
    except ssl.SSLError as error:
        raise ValueError(f"{file} holds no certificate of an authority in PEM form") from error


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
    return f"{cert_file} holds no certificate, or {key_file} holds no unencrypted key, in PEM form"


def _no_passphrase() -> str:
    """An empty passphrase. Without this callback, OpenSSL would ask for a passphrase on the terminal and wait."""
    return ""
