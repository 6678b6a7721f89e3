import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.client.actions import Actions, running
from tests.client.runs import QUICK, SHORT_SECONDS

OURS = ("KRT_", "ACTIONS_", "GITHUB_", "SSL_CERT_", "NETRC")


@pytest.fixture(autouse=True)
def _nothing_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith(OURS) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)


@pytest.fixture
def actions() -> Iterator[Actions]:
    with running(Actions()) as serving:
        yield serving


@pytest.fixture
def quick_end() -> dict[str, object]:
    """Patience for a run that is to end without an answer."""
    return {"patience": replace(QUICK, timeout_seconds=SHORT_SECONDS)}
