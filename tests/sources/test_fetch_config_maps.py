"""ConfigMaps as the source of a Bundle."""

from collections.abc import Mapping

import pytest

from krt.core.bundle.pack import pack
from krt.core.rukpak.source import ConfigMapItem, ConfigMapsSource
from krt.sources.access import StoredConfigMap
from tests.sources.fetching import Namespace, fetched, refused
from tests.sources.images import WEB

MIB = 1024 * 1024


def holding(**maps: Mapping[str, bytes]) -> Namespace:
    return Namespace(config_maps={name: StoredConfigMap(data, immutable=True) for name, data in maps.items()})


def source(*items: tuple[str, str]) -> ConfigMapsSource:
    return ConfigMapsSource(tuple(ConfigMapItem(*item) for item in items))


@pytest.mark.parametrize("path", ["manifests", "manifests/", "./manifests", "manifests//."])
async def test_each_key_is_a_file_in_the_folder(path: str) -> None:
    access = holding(one={"web.yaml": WEB}, two={"more.yaml": WEB}, meta={"annotations.yaml": b"a: b"})
    found = await fetched(source(("one", path), ("two", path), ("meta", "metadata")), "", access)
    files = {"manifests/web.yaml": WEB, "manifests/more.yaml": WEB, "metadata/annotations.yaml": b"a: b"}
    assert found.files.files == files
    assert found.resolved == pack(files).digest
    assert found.content_url == f"configmaps:one,two,meta#{found.resolved}"


async def test_without_a_path_files_are_in_the_root() -> None:
    assert (await fetched(source(("one", "")), "", holding(one={"web.yaml": WEB}))).files.files == {"web.yaml": WEB}


async def test_a_config_map_that_can_change_is_refused() -> None:
    access = holding(one={"web.yaml": WEB})
    access.config_maps["two"] = StoredConfigMap({"more.yaml": WEB}, immutable=False)
    said = await refused(source(("one", "manifests"), ("two", "manifests")), "", access)
    assert said == 'configmap "two" is not immutable'
    assert await refused(source(("absent", "manifests")), "", access) == "ConfigMap absent not found"


async def test_a_path_that_stands_twice_is_refused() -> None:
    access = holding(b={"web.yaml": WEB}, a={"web.yaml": WEB})
    said = await refused(source(("b", "manifests"), ("a", "./manifests")), "", access)
    assert said == 'duplicate path "manifests/web.yaml" found in configmaps [a b]'
    found = await fetched(source(("a", "manifests"), ("a", "manifests")), "", access)
    assert found.files.files == {"manifests/web.yaml": WEB}


async def test_a_pinned_content_is_fetched_or_none() -> None:
    """A ConfigMap that was deleted and made anew has another content, immutable or not."""
    found = await fetched(source(("one", "manifests")), "", holding(one={"web.yaml": WEB}))
    for pinned in (found.resolved, found.content_url):
        again = await fetched(source(("one", "manifests")), pinned, holding(one={"web.yaml": WEB}))
        assert again == found
        said = await refused(source(("one", "manifests")), pinned, holding(one={"web.yaml": b""}))
        assert said == f"the configmaps one no longer have the content that was unpacked, {found.resolved}"


@pytest.mark.parametrize("path", ["..", "../manifests", "manifests/../..", "/manifests", "a\nb"])
async def test_a_path_out_of_the_bundle_is_refused_before_any_call(path: str) -> None:
    access = holding(one={"web.yaml": WEB})
    said = await refused(source(("two", path)), "", access)
    assert said.startswith("bundle.spec.source.configmaps[0].path is invalid: ")
    assert said.endswith(" is outside bundle root")
    assert access.read == []


async def test_there_is_a_bound() -> None:
    access = holding(**{f"m{number}": {"web.yaml": bytes(MIB)} for number in range(65)})
    items = [(name, name) for name in access.config_maps]
    assert len((await fetched(source(*items[:64]), "", access)).files.files) == 64
    said = "the ConfigMaps have more than 64 MiB or 10000 files"
    assert await refused(source(*items), "", access) == said
    many = holding(many={f"{number}": b"" for number in range(10_001)})
    assert await refused(source(("many", "")), "", many) == said
