"""Answers as gzip where the call accepts it, as the API server packs them: whatever is longer than 128 KiB, at level 1.

From kube-apiserver's `responsewriters/writers.go` (defaultGzipThresholdBytes); a watch is never packed.
"""

import gzip
from dataclasses import replace

from krt.dev.asgi import StandInAnswer

MOST_UNPACKED_BYTES = 128 * 1024


def packed(answer: StandInAnswer, accept_encoding: str) -> StandInAnswer:
    """The answer as that `Accept-Encoding` has it. Quality values are passed over, as by the real server."""
    accepted = {coding.partition(";")[0].strip() for coding in accept_encoding.split(",")}
    if len(answer.body) <= MOST_UNPACKED_BYTES or "gzip" not in accepted:
        return answer
    headers = {**answer.headers, "content-encoding": "gzip", "vary": "Accept-Encoding"}
    return replace(answer, body=gzip.compress(answer.body, 1), headers=headers)
