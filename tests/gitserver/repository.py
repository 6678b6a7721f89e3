"""A real git repository that a test fills with commits and tags."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

_ENVIRON = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
}


class Repository:
    """A bare repository; `folder` is what a server serves."""

    def __init__(self, folder: Path, *, object_format: str = "sha1") -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._git("init", "-q", "--bare", "-b", "main", f"--object-format={object_format}")

    def commit(self, files: Mapping[str, bytes], *, branch: str = "main", **modes: str) -> str:
        """A commit with exactly these files; a path in `modes`, with `_` for each other sign, has that mode."""
        index = {"GIT_INDEX_FILE": str(self.folder / "index.tmp")}
        (self.folder / "index.tmp").unlink(missing_ok=True)
        lines = b""
        for path, content in files.items():
            mode = modes.get("".join(letter if letter.isalnum() else "_" for letter in path), "100644")
            name = content.decode() if mode == "160000" else self._git("hash-object", "-w", "--stdin", given=content)
            lines += f"{mode} {name}\t{path}\0".encode()
        self._git("update-index", "-z", "--index-info", given=lines, **index)
        tree = self._git("write-tree", "--missing-ok", **index)
        return self.commit_tree(tree, branch=branch)

    def commit_tree(self, tree: str, *, branch: str = "main") -> str:
        """A commit of that tree, upon the branch."""
        parents = self._git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}").split()
        words = [word for parent in parents for word in ("-p", parent)]
        made = self._git("commit-tree", tree, *words, "-m", "x")
        self._git("update-ref", f"refs/heads/{branch}", made)
        return made

    def tree(self, *entries: tuple[str, str, str, str]) -> str:
        """A tree of (mode, kind, object, name), as `git mktree` makes it."""
        lines = "".join(f"{mode} {kind} {name}\t{path}\0" for mode, kind, name, path in entries)
        return self._git("mktree", "-z", "--missing", given=lines.encode())

    def blob(self, content: bytes) -> str:
        return self._git("hash-object", "-w", "--stdin", given=content)

    def raw(self, kind: str, content: bytes) -> str:
        """An object that git itself would not make."""
        return self._git("hash-object", "-w", "--literally", "-t", kind, "--stdin", given=content)

    def tag(self, name: str, target: str, *, annotated: bool = False) -> None:
        self._git("tag", *(("-a", "-m", "x") if annotated else ()), name, target)

    def configure(self, name: str, value: str) -> None:
        self._git("config", name, value)

    def refer(self, reference: str, target: str) -> None:
        self._git("update-ref", reference, target)

    def _git(self, *words: str, given: bytes = b"", **environ: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.folder), *words],
            input=given,
            capture_output=True,
            check=False,
            env={**_ENVIRON, **environ},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()
