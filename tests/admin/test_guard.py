"""Under which names the live page is shown."""

import pytest

from krt.admin.guard import is_cross_site, refusal

SHOWN = [
    "127.0.0.1:8081",
    "10.1.2.3",
    "[::1]:8081",
    "[fd00::1]",
    "localhost:8081",
    "LOCALHOST",
    "localhost.:8081",
    "krt.localhost:8081",
    "krt-web:8081",
    "krt-web.krt.svc:8081",
    "krt-web.krt.svc.cluster.local",
    "10-1-2-3.krt.pod.cluster.local:8081",
    "krt.example.com",
    "KRT.example.com:443",
]
REFUSED = [
    "",
    ":8081",
    "evil.example",
    "evil.example:8081",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "svc.evil.example",
    "evil.example.",
    "krt.example.com.evil.example",
    "notkrt.example.com",
    "[::1].evil.example:8081x.evil",
    "1.2.3.4.5",
]


@pytest.mark.parametrize("host", SHOWN)
def test_it_is_shown_under_names_that_nobody_outside_can_have_and_those_of_the_settings(host):
    assert refusal([(b"host", host.encode())], ["krt.example.com"]) is None


@pytest.mark.parametrize("host", REFUSED)
def test_under_any_other_name_it_is_not(host):
    assert refusal([(b"host", host.encode("latin-1"))], ["krt.example.com"])


def test_without_a_name_it_is_not():
    assert refusal([], [])


@pytest.mark.parametrize(
    ("site", "is_so"),
    [(None, False), ("same-origin", False), ("none", False), ("same-site", True), ("cross-site", True)],
)
def test_a_browser_says_whose_page_is_asking(site, is_so):
    assert is_cross_site([(b"sec-fetch-site", site.encode())] if site else []) is is_so
