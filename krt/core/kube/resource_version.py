"""Compares resource versions, which are numbers at every API server that keeps its objects in etcd. Pure."""


def is_older(version: str, other: str) -> bool:
    """Whether `version` is known to be older than `other`: both are numbers, and it is the smaller one."""
    return version.isdecimal() and other.isdecimal() and int(version) < int(other)
