"""Wishes about one object that its manifest has as annotations. The names are Timoni's. Pure.

Source: Timoni's manual, "Apply behavior", and `api/v1alpha1/actions.go` of its code.
"""

from collections.abc import Mapping

from krt.core.kube.fields import text_at

ONE_OFF, WAIT, FORCE = "action.timoni.sh/one-off", "action.timoni.sh/wait", "action.timoni.sh/force"
_ENABLED, _DISABLED = "enabled", "disabled"


def is_one_off(body: Mapping[str, object]) -> bool:
    """Whether the object is applied only if it does not exist yet."""
    return _says(body, ONE_OFF, _ENABLED)


def is_awaited(body: Mapping[str, object]) -> bool:
    """Whether the delivery waits until the object is current."""
    return not _says(body, WAIT, _DISABLED)


def is_recreated(body: Mapping[str, object]) -> bool:
    """Whether the object is deleted and created anew if the API server refuses a change of an immutable field."""
    return _says(body, FORCE, _ENABLED)


def _says(body: Mapping[str, object], annotation: str, value: str) -> bool:
    return text_at(body, "metadata", "annotations", annotation) == value
