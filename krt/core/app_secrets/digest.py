"""The digest that names the content of a Secret. Pure.

People who may read Apps and Deployments see digests, and a plain hash of `{"PIN": "1234"}` is soon guessed. So the
digest is an HMAC (RFC 2104) with a key that the controller alone has. Another key gives other digests; that restarts
nothing, because the controller compares content, and never a digest that was made with an older key.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256


def digest_of(data: Mapping[str, str], key: bytes) -> str:
    """`sha256:` and 64 hexadecimal digits, for the field `data` of a Secret as the API server sends it.

    The values are base64. An API server sends the same bytes in the same base64 (encoding/json of Go).
    """
    found = hmac.new(key, digestmod=sha256)
    for name in sorted(data):
        for part in (name.encode(errors="surrogatepass"), data[name].encode(errors="surrogatepass")):
            found.update(len(part).to_bytes(8))  # or {"a": "bc"} and {"ab": "c"} would be the same
            found.update(part)
    return f"sha256:{found.hexdigest()}"
