"""A bundle that was fetched."""

from dataclasses import dataclass

from krt.core.bundle.tree import FileTree


@dataclass(frozen=True, slots=True)
class FetchedBundle:
    """The files of a bundle, and two names of exactly these files.

    `resolved` pins the content: given back as `pinned`, it fetches these files or none. It is `name@sha256:…` for an
    image, the commit for git, else the digest. `content_url` names source and content in one line, such as
    `oci://name@sha256:…`, and holds no credentials.
    """

    resolved: str
    content_url: str
    files: FileTree
