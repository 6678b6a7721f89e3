"""The overlay of docs/deployment.md by which an authority of one's own gets into the pod of krt web."""

from pathlib import Path

import pytest

from tests.deploy.rendered import Variant, render
from tests.pages import page


@pytest.mark.apiserver  # for the kubectl that comes with it
def test_the_overlay_mounts_the_authority_where_the_setting_looks_for_it(tmp_path: Path) -> None:
    """Seen to fail with another mountPath."""
    Variant("all-namespaces", components=("kinds",)).folder(tmp_path)
    folder = tmp_path / "deploy" / "kubernetes" / "overlays" / "private-ca"
    folder.mkdir()
    (folder / "ca.crt").write_text("PEM")
    [kustomization] = [block for block in page("deployment.md").blocks("yaml") if "krt-issuer" in block]
    (folder / "kustomization.yaml").write_text(kustomization)
    rendered = render(folder)
    spec = dict(rendered.pods())["krt-web"]
    [volume] = [each for each in spec["volumes"] if each["name"] == "issuer"]
    [mount] = [each for each in spec["containers"][0]["volumeMounts"] if each["name"] == "issuer"]
    authorities = rendered.one("ConfigMap", "krt-issuer")
    assert volume["configMap"]["name"] == authorities["metadata"]["name"]
    [file] = authorities["data"]
    assert rendered.settings("web")["KRT_OIDC_CA_FILE"] == f"{mount['mountPath']}/{file}"
