from dataclasses import dataclass

import pytest

from krt.secret import Secret
from krt.settings.table import Setting, SettingsPart, SettingsReader, setting, settings_of
from krt.settings.values import Listed, duration, stars, switch


@dataclass(frozen=True, slots=True)
class Sample:
    """One setting of each sort."""

    name: str = setting("KRT_NAME", "--name", str, "a name", default=None)
    wait_seconds: float = setting("KRT_WAIT", "--wait", duration, "a wait", default="5s")
    loud: bool = setting("KRT_LOUD", "--loud", switch, "a switch", default="false", switch=True)
    note: str | None = setting("KRT_NOTE", "--note", str, "a note")
    many: tuple[str, ...] = setting("KRT_MANY", "--many", Listed(str), "a list")
    key: Secret | None = setting("KRT_KEY", "--key", Secret, "a key", shown=stars)


KNOWN = frozenset(row.variable for row in settings_of(Sample).values())


def reader(flags: dict[str, str] | None = None, **environ: str) -> SettingsReader:
    return SettingsReader(flags or {}, environ, rows={Sample: settings_of(Sample)}, known=KNOWN)


def read(flags: dict[str, str] | None = None, **environ: str) -> Sample:
    """What the reader makes of it without a problem."""
    reading = reader(flags, **environ)
    sample = reading.read(Sample)
    assert reading.problems == []
    assert sample is not None
    return sample


def problems(flags: dict[str, str] | None = None, **environ: str) -> list[str]:
    reading = reader(flags, **environ)
    reading.read(Sample)
    return reading.problems


def test_what_is_not_given_has_its_default() -> None:
    assert read(KRT_NAME="x") == Sample("x", 5.0, loud=False, note=None, many=(), key=None)


def test_a_variable_wins_over_the_default_and_a_flag_over_the_variable() -> None:
    assert read(KRT_NAME="x", KRT_WAIT="1s").wait_seconds == 1.0
    assert read({"--wait": "2s"}, KRT_NAME="x", KRT_WAIT="1s").wait_seconds == 2.0


def test_a_flag_wins_even_over_a_variable_that_could_not_be_read() -> None:
    assert read({"--wait": "2s"}, KRT_NAME="x", KRT_WAIT="soon").wait_seconds == 2.0


def test_an_empty_variable_counts_as_not_given() -> None:
    assert read(KRT_NAME="x", KRT_WAIT="", KRT_LOUD="", KRT_NOTE="", KRT_MANY="", KRT_KEY="") == read(KRT_NAME="x")
    assert problems(KRT_NAME="") == ["KRT_NAME (or --name) is required: a name"]


def test_an_empty_flag_takes_back_a_variable_that_may_be_left_out() -> None:
    sample = read({"--note": "", "--many": "", "--key": ""}, KRT_NAME="x", KRT_NOTE="n", KRT_MANY="a,b", KRT_KEY="k")
    assert (sample.note, sample.many, sample.key) == (None, (), None)


def test_an_empty_flag_of_any_other_setting_is_a_problem() -> None:
    assert problems({"--name": "", "--wait": "", "--loud": ""}, KRT_NAME="x", KRT_WAIT="1s", KRT_LOUD="true") == [
        "KRT_NAME (or --name) is required: a name",
        "KRT_WAIT (or --wait): write a duration such as 5s, 15m or 1h",
        "KRT_LOUD (or --loud): write true or false",
    ]


def test_all_problems_are_reported_at_once_each_with_variable_and_flag() -> None:
    assert problems(KRT_WAIT="soon", KRT_LOUD="very", KRT_MANY="a,a") == [
        "KRT_NAME (or --name) is required: a name",
        "KRT_WAIT (or --wait): write a duration such as 5s, 15m or 1h",
        "KRT_LOUD (or --loud): write true or false",
        "KRT_MANY (or --many): a value is listed twice",
    ]


def test_what_was_no_utf_8_is_a_problem_and_never_a_value() -> None:
    assert problems({"--note": "\udcff"}, KRT_NAME="\udcff") == [
        "KRT_NAME (or --name): write it in UTF-8",
        "KRT_NOTE (or --note): write it in UTF-8",
    ]


def test_the_reader_says_where_each_value_came_from() -> None:
    reading = reader({"--wait": "2s"}, KRT_NAME="x", KRT_WAIT="1s")
    reading.read(Sample)
    assert [(value.setting.variable, value.text, value.source) for value in reading.values[:3]] == [
        ("KRT_NAME", "x", "variable"),
        ("KRT_WAIT", "2s", "flag"),
        ("KRT_LOUD", "false", "default"),
    ]


def test_a_secret_is_shown_as_stars_and_nothing_as_nothing() -> None:
    reading = reader(KRT_NAME="x", KRT_KEY="hunter2")
    reading.read(Sample)
    shown = {value.setting.variable: value.shown for value in reading.values}
    assert (shown["KRT_KEY"], shown["KRT_NAME"], shown["KRT_NOTE"]) == ("***", "x", "")
    assert "hunter2" not in repr(read(KRT_NAME="x", KRT_KEY="hunter2"))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("KRT_NAMES", "KRT_NAME"),
        ("KRT_LOUDER", "KRT_LOUD"),
        ("KRT_NOT", "KRT_NOTE"),
        ("KRT_NAEM", "KRT_NAME"),
    ],
)
def test_a_variable_of_krts_that_is_none_is_a_problem_naming_the_nearest(name: str, nearest: str) -> None:
    (problem,) = problems(KRT_NAME="x", **{name: "hunter2"})
    assert problem.startswith(f"{name} is not a setting of krt; did you mean {nearest}")
    assert "hunter2" not in problem


@pytest.mark.parametrize("name", ["KRT_ZZZ", "KRT_BOGUS", "KRT_", "KRT_URLS", "KRT_AUDIENCES", "KRT_X"])
def test_where_no_setting_of_the_role_is_near_none_is_proposed(name: str) -> None:
    """Seen to fail with the nearest of all variables proposed, however far: KRT_BOGUS was KRT_URL."""
    assert problems(KRT_NAME="x", **{name: "hunter2"}) == [f"{name} is not a setting of krt"]


def test_an_unknown_variable_is_reported_even_if_it_is_empty() -> None:
    assert problems(KRT_NAME="x", KRT_NAMES="") == ["KRT_NAMES is not a setting of krt; did you mean KRT_NAME?"]


@pytest.mark.parametrize("name", ["NAME", "krt_name", "XKRT_NAME", "KRTNAME", "KUBECONFIG", "PATH"])
def test_variables_of_others_are_nobodys_business(name: str) -> None:
    read(KRT_NAME="x", **{name: "anything"})


@pytest.mark.parametrize("service", ["KRT", "KRT_WEB", "KRT_WORKER_2"])
@pytest.mark.parametrize(
    "ending",
    [
        "SERVICE_HOST",
        "SERVICE_PORT",
        "SERVICE_PORT_HTTP",
        "SERVICE_PORT_HTTP_METRICS_2",
        "PORT",
        "PORT_80_TCP",
        "PORT_80_TCP_PROTO",
        "PORT_80_TCP_PORT",
        "PORT_80_TCP_ADDR",
        "PORT_53_UDP",
        "PORT_53_UDP_ADDR",
        "PORT_9899_SCTP_PORT",
    ],
)
def test_what_kubernetes_injects_for_a_service_is_no_mistake(service: str, ending: str) -> None:
    read(KRT_NAME="x", **{f"{service}_{ending}": "tcp://10.0.0.1:80"})


@pytest.mark.parametrize(
    "name",
    [
        *("KRT_PORT_", "KRT_WEB_PORTS", "KRT_PORT_80", "KRT_PORT_80_TCP_", "KRT_PORT_80_TCP_HOST", "KRT_PORT_X_TCP"),
        *("KRT_SERVICE", "KRT_SERVICE_HOSTS", "KRT_SERVICE_PORT_", "KRT_REPORT", "KRT_SUPPORT", "KRT_PORT_80_TCP\n"),
    ],
)
def test_what_only_looks_like_it_is_one(name: str) -> None:
    assert problems(KRT_NAME="x", **{name: "1"})


def test_a_row_is_named_by_variable_and_flag() -> None:
    assert str(Setting("KRT_NAME", "--name", str, "a name")) == "KRT_NAME (or --name)"


def test_one_part_with_a_problem_keeps_no_other_from_being_read() -> None:
    @dataclass(frozen=True, slots=True)
    class Other:
        other: str = setting("KRT_OTHER", "--other", str, "another", default="o")

    parts: dict[type[SettingsPart], dict[str, Setting]] = {Sample: settings_of(Sample), Other: settings_of(Other)}
    reading = SettingsReader({}, {}, rows=parts, known=KNOWN)
    assert reading.read(Sample) is None
    assert reading.read(Other) == Other("o")
