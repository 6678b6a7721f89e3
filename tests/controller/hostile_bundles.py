"""Content that is no bundle, and servers that lie: from an image, an archive behind a URL and a git repository."""

import gzip
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from krt.core.bundle.pack import digest_of
from tests.apiserver.bundles import PLAIN
from tests.controller.asking import git, http, image
from tests.gitserver.repository import Repository
from tests.sources.hostile import ENDLESS, Asked, HostileRegistry, Reply
from tests.sources.images import a_layer, gzipped, manifest_of, special, tar_of

REGISTRY = "core-rukpak-io-registry"
MANIFEST = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"
PACKAGE = b"annotations: {operators.operatorframework.io.bundle.package.v1: shop}\n"
MIB = 1024 * 1024

_FOLDERS = 'subdirectories are not allowed within the "manifests" directory of the bundle image filesystem: found'
_LINKS = "a bundle has regular files and folders only"
_ZERO = "found zero objects: plain+v0 bundles are required to contain at least one object"
_NO_FOLDER = "readdir manifests: file does not exist"
_NO_OBJECT = "(json: cannot unmarshal string into Go value)"
_MANY = "more than 10000 files"


@dataclass(frozen=True)
class Row:
    """A Bundle that krt refuses, and a part of its sentence."""

    name: str
    source: Mapping[str, object]
    said: str
    provisioner: str = PLAIN


def files() -> dict[str, tuple[dict[str, bytes], str, str]]:
    """What files of any source can be wrong in: the files, and the sentences for plain+v0 and registry+v1."""
    annotations = {"metadata/annotations.yaml": PACKAGE}
    none = "a registry+v1 bundle has exactly one ClusterServiceVersion, and this one has none"
    return {
        "subdirectory": ({**annotations, "manifests/deep/a.yaml": MANIFEST}, f'{_FOLDERS} "manifests/deep"', _FOLDERS),
        "no-folder": ({**annotations, "a.yaml": MANIFEST}, _NO_FOLDER, _NO_FOLDER),
        "zero": ({**annotations, "manifests/a.yaml": b"# nothing\n"}, _ZERO, none),
        "readme": ({**annotations, "manifests/README.md": b"read me"}, _NO_OBJECT, "manifests/README.md"),
    }


def archives() -> dict[str, tuple[bytes, str]]:
    """What a tar can be wrong in, whatever class its Bundle has."""
    named = {
        "above": (("../manifests/a.yaml", MANIFEST), "a bundle's files lie below its root"),
        "absolute": (("/manifests/a.yaml", MANIFEST), "a bundle's paths are relative"),
        "symlink": (special("manifests/a", tarfile.SYMTYPE, "/etc/passwd"), _LINKS),
        "hard-link": (special("manifests/a", tarfile.LNKTYPE, "b"), _LINKS),
        "device": (special("manifests/a", tarfile.CHRTYPE), _LINKS),
    }
    many = gzipped(tar_of(*((f"manifests/{number}", b"") for number in range(10_001))))
    bomb = gzip.compress(tar_of(("manifests/a.yaml", bytes(60 * MIB))))
    return {
        **{name: (gzipped(tar_of(entry)), said) for name, (entry, said) in named.items()},
        "many": (many, _MANY),
        "bomb": (bomb, "times its size when it is decompressed"),
        "corrupted": (a_layer(settings_yaml=MANIFEST)[:-9], "ends in the middle of its gzip"),
    }


def images(server: HostileRegistry, elsewhere: HostileRegistry, secret: str) -> Iterator[Row]:
    """Of a registry; `elsewhere` is another host, to which this one redirects. The login is in the pull `secret`."""

    def row(name: str, said: str, layer: bytes, provisioner: str = PLAIN) -> Row:
        server.has(manifest_of([layer]), layer, tag=name)
        ref = f"{server.host}/acme/bundle:{name}"
        return Row(f"image-{name}", image(ref, pullSecret=secret), said, provisioner)

    yield Row("image-seed", image("my-bundle@sha256:xyz123"), "could not parse reference: ")
    for name, (content, plain, registry) in files().items():
        layer = gzipped(tar_of(*content.items()))
        yield row(name, plain, layer)
        yield row(f"{name}-registry", registry, layer, REGISTRY)
    for name, (layer, said) in archives().items():
        yield row(name, said, layer)
    for name, (reply, said) in _lies(elsewhere).items():
        layer = a_layer(settings_yaml=MANIFEST + b"# " + name.encode())
        refused = row(name, said, layer)
        server.replies[f"GET /v2/acme/bundle/blobs/{digest_of(layer)}"] = reply
        yield refused


def _lies(elsewhere: HostileRegistry) -> dict[str, tuple[Reply | Callable[[Asked], Reply], str]]:
    other = a_layer(settings_yaml=MANIFEST)

    def moved(asked: Asked) -> Reply:
        """With a login only: so krt has one to send elsewhere."""
        if "authorization" not in asked.headers:
            return Reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        return Reply(307, headers={"Location": f"http://{elsewhere.host}/blob"})

    return {
        "damaged-blob": (Reply(body=other[:-1] + b"x"), "sends other bytes for sha256:"),
        "other-digest": (Reply(body=other), "sends other bytes for sha256:"),
        "endless": (Reply(body=ENDLESS, is_endless=True), "127.0.0.1 sends more than the "),
        "moved": (moved, "(status 404)"),
        "metadata": (
            Reply(307, headers={"Location": "http://169.254.169.254/latest/meta-data"}),
            "169.254.169.254 is a link-local address, which krt never calls",
        ),
    }


def archives_by_url(server: HostileRegistry, elsewhere: HostileRegistry, secret: str) -> Iterator[Row]:
    """Behind URLs; the login is in `secret`."""

    def row(name: str, said: str, reply: Reply, provisioner: str = PLAIN) -> Row:
        server.replies[f"GET /{name}.tgz"] = reply
        return Row(f"http-{name}", http(f"http://{server.host}/{name}.tgz", secret), said, provisioner)

    for name, (content, plain, registry) in files().items():
        archive = gzipped(tar_of(*content.items()))
        yield row(name, plain, Reply(body=archive))
        yield row(f"{name}-registry", registry, Reply(body=archive), REGISTRY)
    for name, (archive, said) in archives().items():
        yield row(name, said, Reply(body=archive))
    moved = Reply(302, headers={"Location": f"http://{elsewhere.host}/moved.tgz"})
    yield row("moved", 'unexpected status "404 Not Found"', moved)
    yield row("endless", "127.0.0.1 sends more than the 67108864 bytes", Reply(body=ENDLESS, is_endless=True))


def repositories(repository: Repository, url: str) -> Iterator[Row]:
    """Branches of a repository, which a real git server serves at `url`."""
    blob = repository.blob(MANIFEST)

    def row(name: str, said: str, provisioner: str = PLAIN) -> Row:
        return Row(f"git-{name}", git(url, branch=name), said, provisioner)

    def folder(name: str, said: str, tree: str) -> Row:
        repository.commit_tree(repository.raw("tree", b"40000 manifests\0" + bytes.fromhex(tree)), branch=name)
        return row(name, said)

    for name, (content, plain, registry) in files().items():
        repository.commit(content, branch=name)
        yield row(name, plain)
        yield Row(f"git-{name}-registry", git(url, branch=name), registry, REGISTRY)
    for name, mode, target in (("symlink", "120000", b"/etc/passwd"), ("submodule", "160000", b"0" * 39 + b"1")):
        repository.commit({"manifests/a": target}, branch=name, manifests_a=mode)
        yield row(name, _LINKS)
    for name, path in (("above", b".."), ("absolute", b"/etc/passwd")):
        tree = repository.raw("tree", b"100644 %s\0%s" % (path, bytes.fromhex(blob)))
        yield folder(name, "the repository has a name that krt accepts for no file", tree)
    yield folder("many", _MANY, repository.tree(*(("100644", "blob", blob, f"{each}.yaml") for each in range(10_001))))
    repository.commit({"manifests/a.yaml": bytes(64 * MIB + 1)}, branch="bomb")
    yield row("bomb", "the repository has more than 64 MiB at this commit")


def lying_repositories(server: HostileRegistry, elsewhere: HostileRegistry, secret: str) -> Iterator[Row]:
    """Of servers that do not speak git as they should; the login is in `secret`."""
    commit = b"0123456789abcdef0123456789abcdef01234567"
    listed = commit + b" refs/heads/main\0side-band-64k shallow ofs-delta\n"
    references = b"001e# service=git-upload-pack\n0000%04x%s0000" % (len(listed) + 4, listed)
    pack = b"0008NAK\n0009\1PACK0000"
    for name, reply, said in (
        ("corrupted", Reply(body=b"0000" + pack), "the git server sends a damaged pack"),
        ("endless", Reply(body=ENDLESS, is_endless=True), "127.0.0.1 "),
    ):
        advertised = {"Content-Type": "application/x-git-upload-pack-advertisement"}
        server.replies[f"GET /{name}.git/info/refs"] = Reply(body=references, headers=advertised)
        reply.headers = {"Content-Type": "application/x-git-upload-pack-result"}
        server.replies[f"POST /{name}.git/git-upload-pack"] = reply
        yield Row(f"git-{name}", git(f"http://{server.host}/{name}.git", secret=secret, branch="main"), said)
    location = f"http://{elsewhere.host}/moved.git/info/refs?service=git-upload-pack"
    server.replies["GET /moved.git/info/refs"] = Reply(302, headers={"Location": location})
    yield Row("git-moved", git(f"http://{server.host}/moved.git", secret=secret, branch="main"), "has no repository")
