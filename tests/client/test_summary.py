import re
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from krt.client import ending, step_files
from krt.client.outcome import Followed, Lost
from krt.client.report import ReceivedReport
from krt.client.summary import HEAD, MOST_ROWS, cell, markdown
from krt.core.announce import event
from tests.client.reports import a_document, a_target

EVENT = event.build("ghcr.io/acme/shop", ["dev"])
TITLE = "ghcr.io/acme/shop (dev)"


def a_page(state: str, *targets: dict[str, object]) -> str:
    report = msgspec.convert(a_document(state, *targets), ReceivedReport)
    return markdown(ending.of(Followed(report), EVENT, allow_no_match=False), TITLE)


def shown(page: str) -> str:
    """The page as its reader sees it."""
    return re.sub(r"&#([0-9]+);", lambda found: chr(int(found[1])), page)


def test_the_page_has_the_sentence_and_a_row_per_target() -> None:
    page = shown(a_page("ready", a_target("a", "ready"), a_target("b", "skipped", warnings=["pinned"])))
    assert page.startswith("### krt: ghcr.io/acme/shop (dev): done\n\nthe rollout is ready: 1 ready, 1 skipped\n")
    assert page.endswith(
        f"{HEAD}"
        "| Deployment shop/a | ready | 1 of 3 updated, 1 available | 2.5 s |\n"
        "| Deployment shop/b | skipped | 1 of 3 updated, 1 available | 2.5 s; warning: pinned |\n\n"
    )


def test_the_row_of_a_bundle_has_the_digest_that_was_delivered() -> None:
    bundle = {"kind": "BundleDeployment", "namespace": "", "updated": None, "available": None, "desired": None}
    page = shown(a_page("ready", a_target("shop", "ready", digest="sha256:1", **bundle)))
    assert page.endswith(f"{HEAD}| BundleDeployment shop | ready |  | 2.5 s; digest sha256:1 |\n\n")


def test_a_failure_has_its_reasons_and_the_failed_first() -> None:
    page = shown(a_page("failed", a_target("a", "ready"), a_target("b", "failed", reason="no such image")))
    assert ": not done\n\nthe rollout failed: " in page
    assert "- Deployment shop/b: failed: no such image\n" in page
    assert page.index("| Deployment shop/b |") < page.index("| Deployment shop/a |")


def test_without_a_report_there_is_no_table() -> None:
    its = ending.of(Lost("this server keeps no reports"), EVENT, allow_no_match=False)
    assert "|" not in shown(markdown(its, TITLE))


def test_a_thousand_targets_fit_the_page() -> None:
    hostile = "|<" * 400
    page = a_page("failed", *(a_target(f"{n}{hostile}", "failed", reason=hostile) for n in range(1000)))
    assert page.count("\n| ") == MOST_ROWS + 1
    assert f"and {1000 - MOST_ROWS} more" in page
    assert len(page) < 1024 * 1024


@given(st.text())
def test_no_text_from_outside_is_markup_or_a_second_cell(text: str) -> None:
    assert re.fullmatch(r"([A-Za-z0-9 ]|&#[0-9]{2,3};)*", cell(text))


def test_hostile_names_are_shown_as_themselves() -> None:
    name = "<img src=x>|[a](javascript:b)`*_~@eve https://evil.example.com www.evil.example.com"
    page = a_page("failed", a_target(name, "failed"))
    assert name in shown(page)
    for markup in ("<img", "](", "`", "https:", "www.", "@eve"):
        assert markup not in page


def test_the_page_is_added_to_what_stands_there(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("# before\n")
    step_files.append(path, "after\n")
    assert path.read_text() == "# before\nafter\n"
