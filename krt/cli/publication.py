"""One run of publishing or unpublishing, as the inputs ask for it: everything that can be checked without a cluster."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from krt.core.delivery import state_record
from krt.core.delivery.module_inputs import A_DIRECTORY, MODULE, NO_FILE, ModuleInputs
from krt.core.delivery.secret_bundle import MOST_BYTES, Bundle, Publication
from krt.core.delivery.state_reference import StateReference
from krt.delivery.state_file import StateFile
from krt.files import FileUnusable, read_file

MISSING, IS_DIRECTORY = "does not exist", "is a directory"


@dataclass(frozen=True, slots=True)
class Order:
    """One run. `command` is its name, as in `krt apply`.

    `kubeconfig` is the path, or several with `os.pathsep` between them; None: the pod's own account. `given_as` is the
    input that gave it. `has_cluster` is False if the kubeconfig is gone, and with it the cluster. `ensuring` is that of
    `Publishing`. Without `state` no record is read or written.
    """

    command: str
    publication: Publication
    kubeconfig: Path | None
    given_as: str = ""
    is_removal: bool = False
    is_dry_run: bool = False
    has_cluster: bool = True
    ensure_namespace: bool = True
    ensuring: str = "set inputs.ensure_namespace: true"
    timeout_seconds: float = 300.0
    state: StateFile | None = None
    reference: StateReference = StateReference(MODULE)

    @property
    def verb(self) -> str:
        """The command without `krt`, as the state record names it."""
        return self.command.removeprefix("krt ")


def expanded(path: str) -> Path:
    """The path as a shell understands it: `~` is a home folder, and a relative path begins at the working folder."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises for an unknown user


def read_bundle(key: str, path: str) -> Bundle:
    """The file's content under this key. Raises ValueError with the module's sentence."""
    file = expanded(path)
    problem = _why_unusable(file)
    if problem in {MISSING, IS_DIRECTORY}:
        raise ValueError((NO_FILE if problem == MISSING else A_DIRECTORY).format(path=file))
    try:
        size = file.stat().st_size
        if size > MOST_BYTES:
            limit = f"a Secret holds at most {MOST_BYTES}: publish a smaller file"
            raise ValueError(f"inputs.bundle_source_path: {file} has {size} bytes, and {limit}")
        return Bundle(key, read_file(file, most_bytes=MOST_BYTES))
    except (FileUnusable, OSError) as error:
        raise ValueError(f"inputs.bundle_source_path: {error}") from error


def kubeconfig_of(inputs: ModuleInputs, state_folder: Path) -> Path:
    """The path of the kubeconfig, from the inputs or from the state of another module. Raises StateNotReady."""
    if inputs.kubeconfig_state is None:
        return expanded(inputs.kubeconfig_path)
    reference = inputs.kubeconfig_state
    record, problem = None, ""
    try:
        record = read_file(state_folder / reference.path, most_bytes=state_record.MOST_BYTES)
    except FileUnusable as error:
        problem = str(error)
    return expanded(state_record.kubeconfig_path_of(reference, record, problem))


def why_unusable(kubeconfig: Path) -> str:
    """Why no file is at the kubeconfig's path: MISSING, IS_DIRECTORY or another predicate; "" if one is there.

    Of several files, one suffices.
    """
    problems = [_why_unusable(Path(each)) for each in str(kubeconfig).split(os.pathsep) if each]
    return "" if "" in problems else next((each for each in problems if each != MISSING), MISSING)


def _why_unusable(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return MISSING
    except OSError as error:  # a folder on the way that is closed to this user: the file may be there
        return f"cannot be read ({error.strerror})"
    return IS_DIRECTORY if stat.S_ISDIR(mode) else ""
