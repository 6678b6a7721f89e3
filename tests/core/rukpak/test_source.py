"""`spec.source` of a Bundle (R8 to R11): which source it names, and the sentence of each refusal."""

from typing import Any

import pytest

from krt.core.rukpak.source import (
    BundleSource,
    ConfigMapItem,
    ConfigMapsSource,
    GitSource,
    HttpSource,
    ImageSource,
    SourceInvalid,
    read_source,
)

REF = {"ref": "my-bundle@sha256:xyz123"}
REPOSITORY = "https://github.com/operator-framework/combo"
COMMIT = "4" * 40


def git(**fields: Any) -> dict[str, Any]:
    return {"type": "git", "git": {"repository": REPOSITORY, "ref": {"tag": "v0.0.2"}} | fields}


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ({"type": "image", "image": REF}, ImageSource("my-bundle@sha256:xyz123")),
        ({"type": "image", "image": REF | {"pullSecret": "ghcr"}}, ImageSource("my-bundle@sha256:xyz123", "ghcr")),
        (git(), GitSource(REPOSITORY, tag="v0.0.2")),
        (
            git(ref={"branch": "main"}, directory="./deploy//web/"),
            GitSource(REPOSITORY, "main", directory="deploy/web"),
        ),
        (
            git(ref={"commit": COMMIT}, auth={"secret": {"name": "key"}, "insecureSkipVerify": True}),
            GitSource(REPOSITORY, commit=COMMIT, secret="key", insecure_skip_verify=True),
        ),
        (
            {"type": "http", "http": {"url": "https://a.example/b.tgz", "auth": {"secret": {"name": "login"}}}},
            HttpSource("https://a.example/b.tgz", "login"),
        ),
        (
            {"type": "configMaps", "configMaps": [{"configMap": {"name": "a"}, "path": "manifests"}]},
            ConfigMapsSource((ConfigMapItem("a", "manifests"),)),
        ),
    ],
)
def test_a_source_is_read_as_rukpak_writes_it(source: object, wanted: BundleSource) -> None:
    assert read_source(source) == wanted


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (None, "bundle.spec.source.type must be one of image, git, http, configMaps"),
        ({"type": "upload", "upload": {}}, "bundle.spec.source.type must be one of image, git, http, configMaps"),
        ({"type": "image"}, "oneOf"),
        ({"type": "image", "image": REF, "http": {"url": "https://a.example"}}, "oneOf"),
        ({"type": "image", "http": {"url": "u"}}, 'bundle.spec.source.image must be set for source type "image"'),
        ({"type": "git", "image": REF}, 'bundle.spec.source.git must be set for source type "git"'),
        ({"type": "image", "image": {}}, "bundle.spec.source.image.ref must not be empty"),
        ({"type": "image", "image": {"ref": 7}}, "bundle.spec.source.image.ref must not be empty"),
        (git(ref={}), "bundle.spec.source.git.ref must have exactly one of branch, tag, commit"),
        (git(ref={"tag": "a", "branch": "b"}), "bundle.spec.source.git.ref must have exactly one of"),
        (git(ref={"commit": "4444"}), "bundle.spec.source.git.ref.commit must be 40 hexadecimal digits"),
        (git(directory="../x"), 'begins with "../": directory must define path within the repository'),
        (git(directory="a/../../x"), 'begins with "../": directory must define path within the repository'),
        (git(directory="/x"), 'begins with "/": directory must define path within the repository'),
        ({"type": "http", "http": {}}, "bundle.spec.source.http.url must not be empty"),
        ({"type": "configMaps", "configMaps": []}, "bundle.spec.source.configMaps must name at least one configMap"),
        ({"type": "configMaps", "configMaps": [{"path": "a"}]}, "must name at least one configMap, each by its name"),
    ],
)
def test_what_names_no_content_is_refused_with_the_field(source: object, sentence: str) -> None:
    with pytest.raises(SourceInvalid) as caught:
        read_source(source)
    assert sentence in str(caught.value)
