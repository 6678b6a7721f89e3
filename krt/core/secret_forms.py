"""The forms in which a server or program repeats a secret: to find it in a sentence, or in an object. Pure."""

import base64
import binascii
import json
import re
from collections.abc import Iterator

SHORT = 4  # characters; a shorter text (`{`, `---`, `1`) is found in every second sentence, and masking would garble it
_IS_FIELD = re.compile(r"[=:]")


def forms_of(secret: str) -> Iterator[str]:
    """The secret whole, as base64 or decoded, as JSON or Go quotes it, and line by line."""
    for text in (secret, unpacked(secret), base64.b64encode(secret.encode(errors="replace")).decode()):
        yield from (each for each in (text, text.strip(), json.dumps(text, ensure_ascii=False)[1:-1]) if each)
        for line in text.splitlines():
            parts = (line.strip(), *_IS_FIELD.split(line, maxsplit=1)[1:])
            yield from (part for each in parts if len(part := each.strip(" \t,\"'")) >= SHORT)


def unpacked(text: str) -> str:
    """The text that this base64 stands for; "" if it is none, or stands for no text."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
