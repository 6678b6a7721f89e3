"""Content of bundles as a test sets it: the port that krt.sources implements, without any network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import yaml

from krt.cluster.objects import Body
from krt.core.bundle.tree import FileTree
from krt.core.rukpak.source import BundleSource, ImageSource
from krt.sources.access import SourceAccess
from krt.sources.errors import SourceRefused, SourceUnavailable
from krt.sources.fetched import FetchedBundle


def files_of(*objects: Body) -> Mapping[str, bytes]:
    """A plain bundle of these objects, one file each."""
    return {f"manifests/{number}.yaml": yaml.safe_dump(each).encode() for number, each in enumerate(objects)}


@dataclass
class Images:
    """Tags and digests of images. `asked` has each fetch, as `tag` or `digest`. `is_away`: no registry answers.

    `has_memory`: it is not asked for a digest.
    """

    tags: dict[str, str] = field(default_factory=dict)
    contents: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_away: bool = False
    has_memory: bool = False

    def push(self, ref: str, files: Mapping[str, bytes]) -> str:
        """The digest that the tag has from now on."""
        digest = f"sha256:{sha256(repr(sorted(files.items())).encode()).hexdigest()}"
        self.tags[ref], self.contents[digest] = digest, files
        return digest

    async def fetch(self, source: BundleSource, pinned: str, _access: SourceAccess) -> FetchedBundle:
        assert isinstance(source, ImageSource)
        digest = pinned.rpartition("@")[2] or source.ref.rpartition("@")[2] * ("@" in source.ref)
        self.asked.append("digest" if digest else "tag")
        if self.is_away and not (digest and self.has_memory):
            raise SourceUnavailable("the registry does not answer")
        digest = digest or self.tags.get(source.ref, "")
        if digest not in self.contents:
            raise SourceRefused(f"the registry has no {source.ref} (status 404)")
        name = f"{source.ref.partition('@')[0].removesuffix(':main')}@{digest}"
        return FetchedBundle(name, f"oci://{name}", FileTree(self.contents[digest]))
