"""Source Secrets at an API server that does not serve Apps, or whose Secret changes all the time."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from krt.cluster.object_errors import NotServed
from krt.core.app_secrets.import_plan import Import
from krt.delivery.app_sources import MOST_CONFLICTS, SourceBusy, Sources
from krt.errors import Conflict

SOURCE = {
    "metadata": {"name": "checkout", "namespace": "shop", "resourceVersion": "1", "labels": {"krt/app": "checkout"}}
}


@dataclass
class OneSecret:
    """Lists one Secret, refuses each write of it, and serves no App."""

    writes: list[str] = field(default_factory=list)

    async def call(self, _method: str, path: str, **_: Any) -> bytes:
        if "krt.internal" in path:
            raise NotServed("404")
        return json.dumps({"metadata": {"resourceVersion": "1"}, "items": [SOURCE]}).encode()

    async def ask(self, method: str, path: str, **_: Any) -> tuple[int, bytes]:
        if "krt.internal" in path:
            raise NotServed("404")
        self.writes.append(method)
        raise Conflict("the object has been modified")


@pytest.mark.parametrize("name", ["", "checkout"])
async def test_a_missing_kind_is_said_with_the_remedy(name: str) -> None:
    """Seen to fail for the list with `something else answers at its URL`."""
    with pytest.raises(NotServed, match=r"serves no App of krt\.internal/v1alpha1: apply components/app-secrets/crds"):
        await Sources(OneSecret(), lambda _: None).apps(name)  # type: ignore[arg-type]


async def test_an_import_gives_up_on_a_secret_that_others_change_all_the_time() -> None:
    transport = OneSecret()
    sources = Sources(transport, lambda _: None)  # type: ignore[arg-type]
    with pytest.raises(SourceBusy, match="others changed the Secret of checkout 5 times"):
        await sources.import_values(Import("checkout", {"A": b"1"}), "shop", dry_run=False)
    assert transport.writes == ["PATCH"] * MOST_CONFLICTS
