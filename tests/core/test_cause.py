"""The line that tells people, on the workload and in a Kubernetes Event, who asked for its restart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.envelope import Envelope, Origin
from krt.core.restart.cause import MOST_BYTES, cause_of
from tests.fakes.values import an_envelope, an_event, an_identity

SHA = "796a6cfb48152b077701fced55d480bf1d90e1e2"
RUN = "https://github.com/acme/shop/actions/runs/1959414638/attempts/1"


def fields(envelope: Envelope) -> dict[str, str]:
    return dict(word.partition("=")[::2] for word in cause_of(envelope).split(" "))


def test_it_names_image_person_repository_ref_commit_and_run() -> None:
    assert cause_of(an_envelope(an_event(tags=("dev", "v1")))) == (
        f"image=ghcr.io/acme/shop:dev,v1 actor=octocat repository=acme/shop ref=refs/heads/main sha={SHA} run={RUN}"
    )


@pytest.mark.parametrize(("changes", "name"), [({"actor": ...}, "actor"), ({"ref": ""}, "ref"), ({"sha": ""}, "sha")])
def test_a_claim_that_is_missing_is_left_out(changes: dict[str, object], name: str) -> None:
    whole, found = fields(an_envelope()), fields(an_envelope(identity=an_identity(**changes)))
    assert found == {field: value for field, value in whole.items() if field != name}


def test_an_event_that_only_the_channel_carried_names_nobody() -> None:
    assert cause_of(Envelope(an_event(), None, "r-1")) == "image=ghcr.io/acme/shop:dev from=channel"


@pytest.mark.parametrize("odd", ["a b", "a\u202eb", "a\nb", "a\u00a0b", "a\u2028b", "a\ud800b", "a\x1b[2Jb"])
def test_no_claim_ends_its_word_or_turns_the_line(odd: str) -> None:
    """Seen to fail without `_word`: a ref with a blank in it could write a second `actor=`."""
    origin = Origin("acme/shop", "74", "65", f"refs/heads/{odd} actor=eve", SHA, "1", "1", RUN, "octocat")
    line = cause_of(Envelope(an_event(), origin, "r-1"))
    assert line.isprintable()
    assert line.count(" ") == 5
    assert " actor=octocat " in line
    assert "%20actor=eve" in line


def test_a_name_in_other_letters_stays_as_it_is() -> None:
    assert fields(an_envelope(identity=an_identity(ref="refs/heads/größer")))["ref"] == "refs/heads/größer"


LONG = st.text(max_size=2000) | st.sampled_from(["ä" * 1024, "x" * 1024, "\u202e" * 1024, ""])


@given(st.builds(Origin, *[LONG] * 9))
def test_whatever_the_claims_it_is_one_bounded_line_and_no_field_takes_the_room_of_another(origin: Origin) -> None:
    """Seen to fail without `_cut`."""
    tags = tuple(f"{'t' * 126}{number:02}" for number in range(16))
    line = cause_of(Envelope(an_event("ghcr.io/" + "a" * 200, tags), origin, "r-1"))
    assert len(line.encode()) <= MOST_BYTES
    assert line.isprintable()
    said = [word.partition("=")[0] for word in line.split(" ")]
    named = origin.named()
    assert said == ["image", *(name for name in ("actor", "repository", "ref", "sha", "run") if name in named)]
