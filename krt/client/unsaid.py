"""Explains an answer that does not say why: one of krt web without a body, or one of a server in front of krt web.

krt web marks each answer with an X-Request-Id of 16 hexadecimal digits. The refusals of its app have a body, except
401, 404 and 503.
"""

import re

from krt.client.transport import Answer

_OWN_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
_MOST_SERVER_CHARACTERS = 60
_OWN = {
    500: "a fault of its own, which its log has under the request {id}",
    503: "it waits for the issuer's keys or for Valkey, or it stops: the operator of krt sees which at /readyz, "
    "and in the log under the request {id}",
}
_PROXY = "a proxy on the way out (HTTPS_PROXY, NO_PROXY)"
_UNREACHED = "an ingress, load balancer or CDN that cannot reach krt web, or has none that is ready"
_FOREIGN = {
    401: "an ingress or a proxy in front of krt web that asks for a login of its own",
    403: "a web application firewall or a list of allowed addresses in front of krt web (a hosted runner's address "
    f"changes), {_PROXY}, or a filter of the runner's network",
    407: f"{_PROXY} that asks who you are",
    429: "a rate limit in front of krt web",
    502: _UNREACHED,
    503: f"{_UNREACHED}, a limit or a maintenance page in front of it, or {_PROXY}",
    504: _UNREACHED,
    511: "a captive portal of the runner's network that asks for a login",
}
_ANY = f"something in front of krt web, {_PROXY}, or another server at this URL"


def is_own(answer: Answer) -> bool:
    """Whether krt web itself answered: its X-Request-Id has the known form."""
    return _OWN_ID.fullmatch(answer.request_id) is not None


def who(answer: Answer) -> str:
    """The name of the sender for a sentence: krt web, or the URL."""
    return "krt web" if is_own(answer) else answer.url


def causes(answer: Answer) -> str:
    """Possible causes of an answer that does not say why, as the rest of a sentence; empty if none is known."""
    if is_own(answer):
        known = _OWN.get(answer.status, "").format(id=answer.request_id)
        return f": {known}" if known else ""
    server = f" (Server: {answer.server[:_MOST_SERVER_CHARACTERS]})" if answer.server else ""
    possible = _FOREIGN.get(answer.status, _UNREACHED if 520 <= answer.status < 600 else _ANY)
    return f": the answer is not marked as krt web's own{server}, and may come from {possible}"
