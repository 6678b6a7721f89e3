import pytest

from krt.core.kube.workload import read_image
from tests.fakes.keys import a_key
from tests.fakes.values import a_workload


def test_a_workload_is_called_by_kind_namespace_and_name() -> None:
    assert str(a_key("Deployment", "shop", "web")) == "Deployment shop/web"


def test_the_same_name_of_another_kind_or_namespace_is_another_workload() -> None:
    keys = {a_key(kind, where, "web") for kind in ("Deployment", "StatefulSet") for where in ("shop", "cart")}
    assert len(keys) == 4


def test_the_repositories_of_a_workload_are_those_of_all_its_containers() -> None:
    workload = a_workload("nginx:1.27", "docker.io/library/nginx", "ghcr.io/acme/shop:dev", "ghcr.io/Acme/cart")
    assert workload.repositories == {"docker.io/library/nginx", "ghcr.io/acme/shop"}


@pytest.mark.parametrize("image", ["", "GHCR.IO/Acme/shop", "shop:", "$(IMAGE)", "ghcr.io/acme/shop\n", "\ud800"])
def test_a_running_image_that_krt_cannot_compare_is_none(image: str) -> None:
    assert read_image(image) is None
    assert a_workload(image).repositories == frozenset()


def test_equal_images_are_one_object() -> None:
    assert read_image("ghcr.io/acme/shop:dev") is read_image("ghcr.io/acme/" + "shop:dev")
