"""Compresses answers as the API server does: gzip at level 1 for bodies above 128 KiB, if the call accepts it.

From kube-apiserver's `responsewriters/writers.go` (defaultGzipThresholdBytes). A watch is never compressed.
"""

import gzip
from dataclasses import replace

from krt.dev.asgi import StandInAnswer

MOST_UNPACKED_BYTES = 128 * 1024


def packed(answer: StandInAnswer, accept_encoding: str) -> StandInAnswer:
    """The answer, compressed if `accept_encoding` names gzip. Quality values are ignored, as on the real server."""
    accepted = {coding.partition(";")[0].strip() for coding in accept_encoding.split(",")}
    if len(answer.body) <= MOST_UNPACKED_BYTES or "gzip" not in accepted:
        return answer
    headers = {**answer.headers, "content-encoding": "gzip", "vary": "Accept-Encoding"}
    return replace(answer, body=gzip.compress(answer.body, 1), headers=headers)
