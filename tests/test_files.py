"""Whatever lies at a path that somebody names: one look is short and small, and what is wrong is one sentence.

Seen to fail with `Path.open("rb").read()` in its place: it waits for a pipe, and reads a device until memory is gone.
"""

import os
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from krt.broker.connect import _content
from krt.cli.main import main
from krt.client.step_files import append
from krt.client.transport import open_http
from krt.cluster.access import load_access
from krt.daemon import controller
from krt.errors import BrokerUnavailable, SettingsInvalid
from krt.files import FileUnusable, check_file, read_file
from krt.settings.values import kubeconfig_files, readable_file
from krt.tls import client_context
from tests.fakes.stand_in import write_kubeconfig

ODD = ("absent", "pipe", "folder", "zero", "socket", "endless", "loop", "nul", "too long a name")


@pytest.fixture
def odd(tmp_path: Path) -> dict[str, Path]:
    """A path of each kind that is no file of a sensible size."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with (tmp_path / "endless").open("wb") as file:
        file.truncate(2**42)  # takes no room
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(os.path.relpath(tmp_path / "socket"))
    paths = {name: tmp_path / name for name in ODD}
    return paths | {"zero": Path("/dev/zero"), "nul": Path("a\x00b"), "too long a name": tmp_path / ("x" * 300)}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_file_is_one_sentence_at_once(odd: dict[str, Path], name: str) -> None:
    for look in (read_file, check_file):
        with pytest.raises(FileUnusable, match=r".+: .+") as refused:
            look(odd[name], most_bytes=1000)
        assert str(refused.value) == f"{odd[name]}: {refused.value.reason}"


@pytest.mark.parametrize("size", [0, 1, 999, 1000])
def test_a_file_within_the_bound_is_read_whole(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(b"x" * size)
    (tmp_path / "link").symlink_to(tmp_path / "file")  # as the kubelet mounts Secrets
    assert read_file(tmp_path / "link", most_bytes=1000) == b"x" * size


@pytest.mark.parametrize("name", ODD)
def test_no_setting_names_such_a_file(odd: dict[str, Path], name: str) -> None:
    for read in (readable_file, kubeconfig_files):
        with pytest.raises(ValueError, match=r"."):
            read(str(odd[name]))


@pytest.mark.parametrize("name", ODD)
def test_no_certificates_are_looked_for_in_it(odd: dict[str, Path], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for files in ((odd[name], None, None), (None, odd[name], None)):
        with pytest.raises(ValueError, match="cannot be read"):
            client_context(*files)
    with pytest.raises(SettingsInvalid, match=r"--ca-file: .* cannot be read"):
        open_http(ca_file=odd[name], connect_seconds=1)
    if name != "nul":
        monkeypatch.setenv("SSL_CERT_FILE", str(odd[name]))
        with pytest.raises(SettingsInvalid, match=r"SSL_CERT_FILE: .* cannot be read"):
            open_http(ca_file=None, connect_seconds=1)


@pytest.mark.parametrize("name", ODD)
def test_no_password_of_valkeys_is_read_from_it(odd: dict[str, Path], name: str) -> None:
    with pytest.raises(BrokerUnavailable, match="cannot be read"):
        _content(odd[name])


_FIELDS = {
    "token": ("user", "tokenFile"),
    "client certificate": ("user", "client-certificate"),
    "client key": ("user", "client-key"),
    "authority": ("cluster", "certificate-authority"),
}


@pytest.mark.parametrize("name", [name for name in ODD if name != "nul"])  # YAML has no NUL
@pytest.mark.parametrize("field", _FIELDS)
def test_no_field_of_a_kubeconfig_names_such_a_file(
    odd: dict[str, Path], name: str, field: str, tmp_path: Path
) -> None:
    whose, key = _FIELDS[field]
    fields: dict[str, dict[str, str]] = {"cluster": {"server": "https://a"}, "user": {}}
    if field.startswith("client"):
        trustme.CA().issue_cert("krt@example.test").private_key_and_cert_chain_pem.write_to_path(tmp_path / "krt.pem")
        fields["user"] |= dict.fromkeys(("client-certificate", "client-key"), str(tmp_path / "krt.pem"))
    fields[whose][key] = str(odd[name])
    with pytest.raises(SettingsInvalid) as refused:
        load_access(write_kubeconfig(tmp_path, fields["cluster"], fields["user"]))
    [problem] = refused.value.problems
    assert str(odd[name]) in problem
    assert "\n" not in problem


@pytest.mark.parametrize("name", [name for name in ODD if name not in {"nul", "socket"}])
def test_the_pods_namespace_is_not_read_from_it(
    odd: dict[str, Path], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail with `read_text`: krt controller waited for a pipe, and read a device until memory was gone."""
    (tmp_path / "account").mkdir()
    (tmp_path / "account" / "namespace").symlink_to(odd[name])
    monkeypatch.setattr(controller, "ACCOUNT", tmp_path / "account")
    with pytest.raises(SettingsInvalid, match="is required outside a pod"):
        controller.namespace_of(None)
    (tmp_path / "account" / "namespace").unlink()
    (tmp_path / "account" / "namespace").write_text("krt-system\n")
    assert controller.namespace_of(None) == "krt-system"


@pytest.mark.parametrize("name", ODD)
def test_no_command_reads_it(odd: dict[str, Path], name: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(odd[name])
    commands = [
        ["check-policy", "--claims", file, "--image", "ghcr.io/acme/shop:dev", "--policy", file],
        ["explain", "ghcr.io/acme/shop:dev", "--kubeconfig", file],
    ]
    for words in commands:
        assert main(words, {}) == 2
        assert all(line.startswith("krt: ") for line in capsys.readouterr().err.splitlines())


def test_a_summary_waits_for_no_reader_of_a_pipe(odd: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"."):
        append(odd["pipe"], "text")
    append(tmp_path / "summary", "text\n")
    append(tmp_path / "summary", "more\n")
    assert (tmp_path / "summary").read_text() == "text\nmore\n"


@pytest.mark.parametrize(
    "policy",
    [
        "a." * 400_000 + "a = 1",
        "[" + "a." * 400_000 + "a]",
        "[[rules]]\nwho." + "x." * 10_000 + "y = 1",
        "[[rules]]\nwho = " + "[" * 100_000,
        "[[rules]]\nwho = " + "{a=" * 100_000,
        "x = " + "9" * 500_000,
    ],
    ids=["dotted", "table", "nested", "arrays", "tables", "digits"],
)
def test_a_policy_that_is_made_to_be_slow_is_one_sentence(
    policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "krt.toml").write_text(policy)
    words = ["--claims", str(tmp_path / "absent"), "--image", "ghcr.io/acme/shop:dev"]
    assert main(["check-policy", *words, "--policy", str(tmp_path / "krt.toml")], {}) == 2
    assert "krt.toml" in capsys.readouterr().err


def test_a_bundle_of_authorities_is_still_taken(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    assert client_context(tmp_path / "ca.pem", None, None).verify_mode is ssl.CERT_REQUIRED
