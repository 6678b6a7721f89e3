"""The login in a Secret of the type kubernetes.io/basic-auth, as a header of HTTP. Pure."""

import base64
from collections.abc import Mapping

from krt.secret import Secret
from krt.sources.errors import SourceRefused


def basic_authorization(name: str, data: Mapping[str, bytes]) -> Secret:
    """The value of the header Authorization (RFC 7617) for `username` and `password`. Raises SourceRefused."""
    login = f"{text_in(name, data, 'username')}:{text_in(name, data, 'password')}"
    return Secret(f"Basic {base64.b64encode(login.encode()).decode()}")


def text_in(name: str, data: Mapping[str, bytes], key: str) -> str:
    """The text below a key of the Secret `name`. Raises SourceRefused, which quotes nothing of it."""
    if key not in data:
        raise SourceRefused(f"Secret {name} has no key {key}")
    try:
        return data[key].decode()
    except UnicodeDecodeError:
        raise SourceRefused(f"Secret {name} has a {key} that is not UTF-8") from None
