import io
import itertools

import msgspec
import pytest
from rich.console import Console as RichConsole

from krt.client import display
from krt.client.console import Console
from krt.client.display import MOST_LINES, Lines, open_display
from krt.client.live import MOST_ROWS, Picture
from krt.client.report import ReceivedReport
from tests.client.reports import a_cluster, a_document, a_target

TITLE = "ghcr.io/acme/shop (dev, v1)"
HOSTILE = "\n::error::x\x1b[2J##[error]y[red]z"


def a_report(state: str, *targets: dict[str, object], **changes: object) -> ReceivedReport:
    return msgspec.convert(a_document(state, *targets, **changes), ReceivedReport)


def a_console(**changes: bool) -> Console:
    return Console(io.StringIO(), io.StringIO(), **changes)


def said(console: Console) -> list[str]:
    assert isinstance(console.err, io.StringIO)
    lines = console.err.getvalue().splitlines()
    console.err.truncate(0)
    console.err.seek(0)
    return lines


def test_each_change_is_printed_once_with_its_time() -> None:
    console = a_console()
    lines = Lines(console, clock=itertools.count().__next__)
    lines.show(a_report("rolling", a_target("a"), a_target("b", "waiting")))
    assert said(console) == [
        "    1.0 s  cluster default: settled",
        "    2.0 s  Deployment shop/a: progressing, 1 of 3 updated, 1 available",
        "    3.0 s  Deployment shop/b: waiting",
        "    4.0 s  event rolling",
    ]
    lines.show(a_report("rolling", a_target("a", updated=2), a_target("b", "waiting", seconds=9)))
    assert said(console) == ["    5.0 s  Deployment shop/a: progressing, 2 of 3 updated, 1 available"]
    lines.show(a_report("rolling", a_target("a", updated=2), a_target("b", "waiting")))
    assert said(console) == []


def test_an_unknown_state_is_shown_as_it_is() -> None:
    console = a_console()
    Lines(console).show(a_report("pondering", a_target("a", "dancing", reason="why not"), clusters=[]))
    assert [line.split(" s  ")[1] for line in said(console)] == [
        "Deployment shop/a: dancing: why not",
        "event pondering",
    ]


def test_a_thousand_targets_do_not_drown_the_log() -> None:
    console = a_console()
    Lines(console).show(a_report("rolling", *(a_target(f"web-{number}") for number in range(1000))))
    lines = said(console)
    assert len(lines) == MOST_LINES + 1
    assert lines[-1].endswith(f"  {1002 - MOST_LINES} more changes")


def test_on_github_the_lines_are_one_group() -> None:
    console = a_console(github=True)
    with open_display(console, TITLE) as lines:
        lines.show(a_report("ready", clusters=[]))
        lines.note("krt web answered 503; trying again")
    first, *_, note, last = said(console)
    assert first == "::group::rollout of ghcr.io/acme/shop (dev, v1)"
    assert note == "krt notify: krt web answered 503; trying again"
    assert last == "::endgroup::"


def test_the_group_is_closed_by_an_interrupt_too() -> None:
    console = a_console(github=True)
    with pytest.raises(KeyboardInterrupt), open_display(console, TITLE):
        raise KeyboardInterrupt
    assert said(console)[-1] == "::endgroup::"


def test_nothing_in_a_report_commands_the_runner() -> None:
    console = a_console(github=True)
    target = a_target(
        HOSTILE, HOSTILE, cluster=HOSTILE, kind=HOSTILE, namespace=HOSTILE, reason=HOSTILE, warnings=[HOSTILE]
    )
    with open_display(console, TITLE) as lines:
        lines.show(a_report(HOSTILE, target, clusters=[a_cluster(HOSTILE, HOSTILE, reason=HOSTILE)]))
        lines.note(HOSTILE)
    printed = said(console)
    assert [line for line in printed if line.lstrip().startswith("::")] == [printed[0], "::endgroup::"]
    assert "##[" not in "".join(printed)
    assert "".join(printed).isascii()
    assert "\x1b" not in "".join(printed)


def test_a_terminal_without_rich_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "find_spec", lambda _: None)
    with open_display(a_console(animated=True), TITLE) as lines:
        assert isinstance(lines, Lines)


def test_a_terminal_gets_a_picture() -> None:
    with open_display(a_console(animated=True), TITLE) as picture:
        assert isinstance(picture, Picture)


def a_drawing(
    *reports: ReceivedReport, note: str = "", width: int = 120, height: int = 30, is_over: bool = False
) -> str:
    """The newest picture; the earlier ones are drawn and forgotten."""
    stream = io.StringIO()
    console = RichConsole(file=stream, width=width, height=height)
    picture = Picture("ghcr.io/acme/shop (dev)", console)
    for report in reports:
        picture.show(report)
        picture.render()
    if note:
        picture.note(note)
    if is_over:
        picture.end()
    console.print(picture.render())
    return stream.getvalue()


def test_the_picture_shows_the_newest_report() -> None:
    drawing = a_drawing(
        a_report("rolling", a_target("a")),
        a_report(
            "rolling",
            a_target("b", "failed", reason="no such image"),
            clusters=[a_cluster("prod", "absent")],
        ),
    )
    assert "ghcr.io/acme/shop (dev): rolling" in drawing
    assert "shop/a" not in drawing
    assert "shop/b  failed       1 of 3 updated, 1 available  no such image" in drawing
    assert "cluster prod: absent since" in drawing


def test_the_picture_of_nothing_yet_says_accepted() -> None:
    assert "ghcr.io/acme/shop (dev): accepted" in a_drawing()


def test_a_tall_picture_is_cut_and_shows_what_is_open_or_failed_first() -> None:
    targets = [a_target(f"done-{number}", "ready") for number in range(MOST_ROWS)]
    drawing = a_drawing(a_report("rolling", *targets, a_target("open"), a_target("bad", "failed")))
    assert drawing.index("shop/bad") < drawing.index("shop/open") < drawing.index("shop/done-0")
    assert "and 2 more" in drawing


def test_a_workload_keeps_its_row_while_states_change() -> None:
    """Seen to fail with the rows sorted anew for each report: a finished workload went below the open ones."""
    names = ["a", "b", "c", "d"]
    before = a_report("rolling", *(a_target(name) for name in names))
    after = a_report("rolling", a_target("a"), a_target("c"), a_target("d", "failed"), a_target("b", "ready"))
    for reports in ([before], [before, after], [before, after, a_report("failed", *reversed(before_targets(names)))]):
        drawing = a_drawing(*reports)
        places = [drawing.index(f"shop/{name} ") for name in names]
        assert places == sorted(places)


def before_targets(names: list[str]) -> list[dict[str, object]]:
    return [a_target(name, "ready") for name in names]


@pytest.mark.parametrize("state", ["accepted", "rolling", "ready", "failed"])
def test_the_last_picture_has_no_spinner(state: str) -> None:
    """Seen to fail with the spinner taken away by a final state alone: a wait may end without one, by its time."""
    report = a_report(state, a_target())
    assert spins(a_drawing(report).splitlines()[0])
    assert not spins(a_drawing(report, is_over=True).splitlines()[0])


def spins(line: str) -> bool:
    return line.rstrip()[-1] in "-\\|/"


@pytest.mark.parametrize("height", [3, 6, 10, 24])
@pytest.mark.parametrize("width", [20, 40, 79, 200])
def test_no_picture_but_the_last_is_larger_than_the_window(width: int, height: int) -> None:
    """A terminal cannot draw over lines that it has scrolled away, nor over those that it has wrapped."""
    targets = [a_target(f"workload-{number}", reason="no such image " * 20) for number in range(30)]
    clusters = [a_cluster(f"cluster-{number}", "absent") for number in range(2 if height < 10 else 30)]
    report = a_report("rolling", *targets, clusters=clusters)
    lines = a_drawing(report, width=width, height=height).splitlines()
    assert len(lines) <= max(height, 5)
    assert max(map(len, lines)) <= width


def test_the_last_picture_has_every_text_whole() -> None:
    reason = "no such image " * 20
    cut, whole = (
        a_drawing(a_report("failed", a_target(state="failed", reason=reason)), width=60, is_over=is_over)
        for is_over in (False, True)
    )
    assert cut.count("image") < 5
    assert whole.count("image") == 20


def test_in_a_narrow_window_the_remarks_give_way_to_the_names() -> None:
    """Seen to fail with the width shared alike: of many workloads the same first half was shown."""
    report = a_report("rolling", a_target("workload-with-a-long-name-7", reason="no such image " * 20))
    assert "  shop/workload-with-a-long-name-7  progressing  1 of 3  no such im" in a_drawing(report, width=70)
    assert "  shop/workload-with-a-long-name-7  progressing  1 of 3  no…" in a_drawing(report, width=60)
    assert "  shop/workload-with…  progressing  1 of 3  …" in a_drawing(report, width=45)


def test_the_last_picture_in_a_narrow_window_has_a_line_for_each_workload() -> None:
    drawing = a_drawing(a_report("ready", a_target("web", "ready")), width=44, is_over=True)
    assert drawing.splitlines()[1].rstrip() == "  Deployment shop/web: ready after 2.5 s"


def test_nothing_in_a_report_commands_the_terminal() -> None:
    target = a_target(HOSTILE, HOSTILE, cluster=HOSTILE, kind=HOSTILE, reason=HOSTILE, warnings=[HOSTILE])
    drawing = a_drawing(a_report(HOSTILE, target, clusters=[a_cluster(HOSTILE, "absent")]), note=HOSTILE)
    assert "\x1b" not in drawing
    assert "[red]" in drawing
