"""Object keys in the short form that tests use."""

from krt.core.kube.object_key import ObjectKey


def a_key(kind: str, namespace: str, name: str) -> ObjectKey:
    return ObjectKey("apps", kind, namespace, name)
