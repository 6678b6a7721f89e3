"""The files of one CUE instance, of which some may be YAML or JSON. Pure."""

from krt.core.bundle.kube_yaml import read_documents
from krt.core.bundle.yaml_nodes import YamlInvalid
from krt.core.cue.nodes import CueDocument
from krt.core.cue.parse import parse
from krt.core.cue.refusals import CueBeyond, CueRefused
from krt.core.cue.strings import as_cue
from krt.core.fleet.refusals import FleetInvalid

STDIN = "-"


def read_file_of_instance(name: str, content: bytes) -> CueDocument:
    """Read a file by its ending: cue, yaml, yml, json; `-` is CUE, as JSON is. Raises FleetInvalid."""
    extension = "cue" if name == STDIN else name.rpartition(".")[2].lower() if "." in name else ""
    if extension not in {"cue", "json", "yaml", "yml"}:
        raise FleetInvalid(f"{name}: unsupported file extension: {extension and f'.{extension}'}")
    try:
        text = content if extension == "cue" else _as_json(name, content)
        return parse(text, "standard input" if name == STDIN else name)
    except CueBeyond as error:
        raise FleetInvalid(f"{error.place}: krt cannot read {error.what}: write them in another form") from None
    except CueRefused as error:
        raise FleetInvalid(str(error)) from None


def _as_json(name: str, content: bytes) -> bytes:
    """The only document of a file in YAML, as JSON. A file in JSON is YAML, too."""
    try:
        values = [each.value for each in read_documents(content)]
    except YamlInvalid as error:
        raise FleetInvalid(f"{name}: {error}") from None
    if len(values) != 1 or not isinstance(values[0], dict):
        raise FleetInvalid(f"{name}: one document that is a mapping is expected")
    return as_cue(values[0]).encode()
