import os
from pathlib import Path
from types import NoneType

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from krt.settings.values import (
    Listed,
    as_proxy,
    authorities_file,
    channel_name,
    count,
    duration,
    host_name,
    kubernetes_name,
    log_level,
    network,
    one_of,
    readable_file,
    switch,
    without_password,
)
from tests.fakes.raised import raised

nearly = st.text("0123456789.-_,:/@ smhtrueofa*\n\u0661", max_size=24)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5s", 5.0),
        ("250ms", 0.25),
        ("1.5s", 1.5),
        ("15m", 900.0),
        ("1h", 3600.0),
        ("720h", 2_592_000.0),
        ("30", 30.0),
        ("0.5", 0.5),
        ("007s", 7.0),
    ],
)
def test_a_duration_is_a_number_with_a_unit(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "s", "0", "0s", "0.0ms", "-5s", "+5s", "5 s", " 5s", "5s ", "5s\n", "5S", "5d", "5sec", "1h30m"),
        *(".5s", "5.s", "1e3", "1e3s", "inf", "nan", "\u0665s", "1_000s", "720.1h", "99999999999s", "9" * 5000 + "s"),
    ],
)
def test_whatever_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write a duration such as 5s, 15m or 1h"):
        duration(text)


@pytest.mark.parametrize("text", ["1", "t", "T", "true", "TRUE", "True", "yes", "on", "ON"])
def test_every_usual_word_for_yes_is_yes(text: str) -> None:
    assert switch(text) is True


@pytest.mark.parametrize("text", ["0", "f", "F", "false", "FALSE", "False", "no", "off", "OFF"])
def test_every_usual_word_for_no_is_no(text: str) -> None:
    assert switch(text) is False


@pytest.mark.parametrize("text", ["", " ", "2", "-1", "y", "n", "enabled", "true ", "true\n", "tru", "none", "\u0661"])
def test_no_other_word_is_either(text: str) -> None:
    with pytest.raises(ValueError, match="write true or false"):
        switch(text)


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("256", 256), ("016", 16), ("000000000256", 256)])
def test_a_number_within_its_bounds_is_read(text: str, number: int) -> None:
    assert count(1, 256)(text) == number


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "0", "257", "-1", "+1", "1.0", "1e2", "0x10", "1_6", " 16", "16\n", "\u0661", "\u00b2", "sixteen"),
        *("0000000000011999", "1" * 13, "9" * 5000),
    ],
)
def test_whatever_is_no_number_within_the_bounds_is_refused_with_them(text: str) -> None:
    with pytest.raises(ValueError, match="write a whole number from 1 to 256"):
        count(1, 256)(text)


@pytest.mark.parametrize(
    ("text", "level"),
    [("debug", "debug"), ("INFO", "info"), ("warn", "warning"), ("WARNING", "warning"), ("Error", "error")],
)
def test_a_log_level_is_read_as_the_go_peer_writes_it_too(text: str, level: str) -> None:
    assert log_level(text) == level


@pytest.mark.parametrize("text", ["", "loud", "trace", "fatal", "info ", "10"])
def test_another_log_level_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="write one of debug, info, warning, error"):
        log_level(text)


@pytest.mark.parametrize("text", ["default", "a", "prod-eu.1", "0", "a" * 63])
def test_a_name_that_kubernetes_allows_is_read(text: str) -> None:
    assert kubernetes_name(text) == text


@pytest.mark.parametrize(
    "text", ["", "-a", "a-", ".a", "a_b", "A", "a" * 64, "a b", "a\n", "\u00e9", "{krt}", "a:b", "*"]
)
def test_a_name_that_it_does_not_allow_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write up to 63 lower-case letters"):
        kubernetes_name(text)


@pytest.mark.parametrize("text", ["krt.example.com", "KRT.Example.com", "krt", "a-b.c_d.e"])
def test_a_host_has_a_name_in_any_case(text: str) -> None:
    assert host_name(text) == text.lower()


@pytest.mark.parametrize(
    "text", ["", "krt:8081", "https://krt", "krt.example.com/", "*.example.com", "a b", "krt.", "é"]
)
def test_a_host_has_no_port_and_no_other_part_of_an_address(text: str) -> None:
    with pytest.raises(ValueError, match="without a port"):
        host_name(text)


@pytest.mark.parametrize("text", ["kuberollouttrigger", "a channel", "\u00e9v\u00e9nements", "*"])
def test_a_channel_has_any_name_that_can_be_seen(text: str) -> None:
    assert channel_name(text) == text


@pytest.mark.parametrize("text", ["", "a\n", "a\x1b[31m", "\u202e"])
def test_a_channel_whose_name_cannot_be_seen_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="without control characters"):
        channel_name(text)


@pytest.mark.parametrize("text", ["10.0.0.0/8", "10.1.2.3", "fd00::/8", "::1", "0.0.0.0/0", "10.0.0.0/255.0.0.0"])
def test_a_network_is_in_cidr_notation_or_one_address(text: str) -> None:
    assert str(network(text)).startswith(text.partition("/")[0])


@pytest.mark.parametrize(
    "text", ["", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "10.0.0.0/8 ", "localhost", "[::1]", "::/129"]
)
def test_whatever_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write networks such as 10\.0\.0\.0/8"):
        network(text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", ()),
        (",", ()),
        ("shop", ("shop",)),
        ("shop,cart", ("shop", "cart")),
        (" shop , cart ,", ("shop", "cart")),
    ],
)
def test_a_list_is_separated_by_commas(text: str, values: tuple[str, ...]) -> None:
    assert Listed(kubernetes_name)(text) == values


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("shop,shop", "listed twice"), ("shop,Cart", "lower-case"), ("shop;cart", "lower-case")],
)
def test_a_list_with_a_value_that_is_none_or_twice_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Listed(kubernetes_name)(text)


@pytest.mark.parametrize("text", ["", ",", " , "])
def test_a_list_that_must_not_be_empty_is_not(text: str) -> None:
    with pytest.raises(ValueError, match="write 1 or more, separated by commas"):
        Listed(str, least=1)(text)


@pytest.mark.parametrize("text", ["StatefulSet", "statefulset", "STATEFULSET"])
def test_one_of_a_few_words_is_read_in_any_case(text: str) -> None:
    assert one_of("Deployment", "StatefulSet")(text) == "StatefulSet"


@pytest.mark.parametrize("text", ["", "StatefulSets", "Stateful Set", "sts"])
def test_another_word_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="write Deployment or StatefulSet"):
        one_of("Deployment", "StatefulSet")(text)


def test_a_file_must_be_readable_now(tmp_path: Path) -> None:
    (tmp_path / "secret").touch()
    assert readable_file(str(tmp_path / "secret")) == tmp_path / "secret"
    with pytest.raises(ValueError, match=r"the file cannot be read \(No such file or directory\)"):
        readable_file(str(tmp_path / "absent"))
    with pytest.raises(ValueError, match=r"the file cannot be read \(Is a directory\)"):
        readable_file(str(tmp_path))


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="a pipe cannot be read again"):
        readable_file(str(tmp_path / "pipe"))


@pytest.mark.parametrize("text", ["", "x" * 5000, "\x00", "a\x00b"])
def test_what_cannot_be_a_path_is_refused_as_well(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        readable_file(text)


def test_a_file_of_authorities_must_hold_one(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    good.write_bytes(trustme.CA().cert_pem.bytes())
    bad.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert authorities_file(str(good)) == good
    with pytest.raises(ValueError, match=r"bad\.pem holds no certificate of an authority"):
        authorities_file(str(bad))
    with pytest.raises(ValueError, match="cannot be read"):
        authorities_file(str(tmp_path / "absent"))


@given(st.text() | nearly)
def test_any_text_is_a_value_or_a_value_error_with_a_sentence(text: str) -> None:
    readers = (duration, switch, count(1, 99), log_level, kubernetes_name, channel_name, network, Listed(network))
    for read in (*readers, readable_file):
        error = raised(read, text)
        assert type(error) in (NoneType, ValueError)
        assert error is None or str(error)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("valkey:6379", "valkey:6379"),
        ("valkey://valkey:6379/0", "valkey://valkey:6379/0"),
        ("valkey://krt:hunter2@valkey:6379/0", "valkey://***@valkey:6379/0"),
        ("valkeys://:hunter2@valkey", "valkeys://***@valkey"),
        ("valkey://krt:hun@ter2@valkey", "valkey://***@valkey"),
        ("valkey://krt:hun://ter2@valkey", "valkey://***@valkey"),
        ("krt:hunter2@valkey:6379", "***@valkey:6379"),
        ("krt:hun://ter2@valkey:6379", "***@valkey:6379"),
        ("http://krt:hunter2@proxy:3128", "http://***@proxy:3128"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_user_and_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://krt:hunter2@proxy:3128", "http://***@proxy:3128"),
        ("http://proxy:3128/?key=hunter2", "http://proxy:3128/"),
        ("http://krt:hunter2@proxy:3128/?key=hunter2", "http://***@proxy:3128/"),
        ("proxy:3128#hunter2", "proxy:3128"),
        ("proxy:3128", "proxy:3128"),
    ],
)
def test_a_proxy_is_shown_without_its_query_too(url: str, shown: str) -> None:
    """Seen to fail with user and password alone taken away."""
    assert as_proxy(url) == shown


@given(st.text("abc:/@", max_size=8), st.sampled_from(["valkey://", "http://", ""]))
def test_no_part_of_a_password_is_shown(around: str, scheme: str) -> None:
    assert "hunter2" not in without_password(f"{scheme}krt:{around}hunter2{around}@valkey:6379")
