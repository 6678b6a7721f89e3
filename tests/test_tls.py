import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from krt.tls import client_context

CA = trustme.CA()
OURS = CA.issue_cert("krt.example")
OTHERS = CA.issue_cert("other.example")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    CA.cert_pem.write_to_path(tmp_path / "ca.pem")
    OURS.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    OURS.private_key_pem.write_to_path(tmp_path / "key.pem")
    OURS.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    OTHERS.private_key_pem.write_to_path(tmp_path / "other-key.pem")
    key = load_pem_private_key(OURS.private_key_pem.bytes(), None)
    (tmp_path / "locked-key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase"))
    )
    (tmp_path / "empty.pem").write_bytes(b"")
    (tmp_path / "garbage.pem").write_bytes(b"\x00\xff garbage")
    return tmp_path


def test_names_and_chains_are_verified_with_tls_1_2_or_newer(files):
    context = client_context(files / "ca.pem", None, None)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_ca_file_replaces_the_systems_authorities(files):
    assert len(client_context(files / "ca.pem", None, None).get_ca_certs()) == 1


def test_without_a_ca_file_the_systems_authorities_are_trusted():
    assert client_context(None, None, None).verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(("cert", "key"), [("cert.pem", "key.pem"), ("both.pem", None)])
def test_a_certificate_comes_with_its_key_or_with_a_key_file(files, cert, key):
    assert client_context(files / "ca.pem", files / cert, files / key if key else None)


@pytest.mark.parametrize(
    ("ca", "cert", "key", "complaint"),
    [
        ("absent.pem", None, None, ("absent.pem", "cannot be read: No such file")),
        ("", None, None, ("", "cannot be read: Is a directory")),
        ("empty.pem", None, None, ("empty.pem", "no certificate")),
        ("garbage.pem", None, None, ("garbage.pem", "no certificate")),
        ("key.pem", None, None, ("key.pem", "no certificate")),
        ("ca.pem", "absent.pem", "key.pem", ("absent.pem", "cannot be read")),
        ("ca.pem", "cert.pem", "absent.pem", ("absent.pem", "cannot be read")),
        ("ca.pem", "cert.pem", None, ("cert.pem", "no certificate with its unencrypted key")),
        ("ca.pem", "garbage.pem", "key.pem", ("garbage.pem", "no certificate, or")),
        ("ca.pem", "cert.pem", "garbage.pem", ("garbage.pem", "holds no unencrypted key")),
        ("ca.pem", "cert.pem", "locked-key.pem", ("locked-key.pem", "holds no unencrypted key")),
        ("ca.pem", "cert.pem", "other-key.pem", ("other-key.pem", "does not belong to")),
        ("ca.pem", None, "key.pem", ("key.pem", "without its certificate")),
    ],
)
def test_the_file_at_fault_is_named_in_one_sentence(files, ca, cert, key, complaint):
    at_fault, problem = complaint
    with pytest.raises(ValueError, match=problem) as caught:
        client_context(*(name if name is None else files / name for name in (ca, cert, key)))
    assert str(files / at_fault) in str(caught.value)
    assert "\n" not in str(caught.value)
