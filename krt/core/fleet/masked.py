"""Objects without the values of Secrets, for people to read. Pure."""

from collections.abc import Iterable, Mapping

from krt.core.cue.result import JsonValue
from krt.core.kube.manifest import Manifest
from krt.core.secret_forms import SHORT, unpacked
from krt.secret import STARS, Secret

_DATA = ("data", "stringData")


def masked_object(manifest: Manifest, secrets: Iterable[Secret]) -> Mapping[str, object]:
    """The object, with *** for each value that has one of the secrets in it, also as base64.

    If there are secrets, the data of a Secret are masked as a whole: a module may have changed their form.
    """
    texts = [each.reveal() for each in secrets if each.reveal().strip()]
    if not texts:
        return manifest.body
    hidden = _DATA if (manifest.group, manifest.kind) == ("", "Secret") else ()
    return {name: _starred(part) if name in hidden else _masked(part, texts) for name, part in manifest.body.items()}


def masked_value(value: JsonValue, secrets: Iterable[Secret]) -> JsonValue:
    """A document's value with *** for each value that has one of the secrets in it."""
    texts = [each.reveal() for each in secrets if each.reveal().strip()]
    return _masked(value, texts) if texts else value  # type: ignore[return-value]  # the same shape, with texts


def _starred(data: object) -> object:
    return dict.fromkeys(data, STARS) if isinstance(data, Mapping) else STARS


def _masked(value: object, texts: list[str]) -> object:
    if isinstance(value, Mapping):
        return {_masked(name, texts): _masked(part, texts) for name, part in value.items()}
    if isinstance(value, list):
        return [_masked(part, texts) for part in value]
    if value is None or isinstance(value, bool):
        return value
    return STARS if any(_has(form, texts) for form in (str(value), unpacked(str(value)))) else value


def _has(form: str, texts: list[str]) -> bool:
    """A short secret counts only as a whole value: as a part, it would be found in every second one."""
    return any(form == text or (len(text) >= SHORT and text in form) for text in texts)
