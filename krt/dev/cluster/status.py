"""Refusals in the API server's words, each a `Status`. The texts were recorded from kube-apiserver 1.36.3."""

import msgspec

from krt.dev.asgi import StandInAnswer
from krt.dev.cluster.kinds import Json, Kind
from krt.errors import KrtError

TOO_OLD_TO_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the results. Continuing with the provided token results in an inconsistent list - objects "
    "that were created, modified, or deleted between the time the first chunk was returned and now may show "
    "up in the list."
)


CAUSES = {"Required value": "FieldValueRequired", "Too long": "FieldValueTooLong"}
OF_EVERY_ANSWER = {"cache-control": "no-cache, private"}
NOT_SNIFFED = {"x-content-type-options": "nosniff"}


def answered(
    code: int, body: bytes = b"", content_type: str = "application/json", headers: dict[str, str] | None = None
) -> StandInAnswer:
    """An answer with the headers that the real server adds to it."""
    plain = NOT_SNIFFED if content_type.startswith("text/") else {}
    return StandInAnswer(code, body, content_type, {**OF_EVERY_ANSWER, **plain, **(headers or {})})


class ApiRefusal(KrtError):
    """The call is refused: the answer is this `Status`."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Json | None = None,
        metadata: Json | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.headers = headers or {}
        self.status: Json = {"kind": "Status", "apiVersion": "v1", "metadata": metadata or {}}
        self.status |= {"status": "Failure", "message": message}
        if reason:
            self.status["reason"] = reason
        if details is not None:
            self.status["details"] = details
        self.status["code"] = code

    def answer(self) -> StandInAnswer:
        """The HTTP answer with this `Status`."""
        return answered(self.code, msgspec.json.encode(self.status) + b"\n", headers=self.headers)


def bad_request(message: str) -> ApiRefusal:
    """400: the request is malformed."""
    return ApiRefusal(400, "BadRequest", message)


def other_namespace() -> ApiRefusal:
    """400: the object names another namespace than the path."""
    return bad_request("the namespace of the provided object does not match the namespace sent on the request")


def no_name(name: str) -> ApiRefusal:
    """400: the object has no name."""
    return bad_request(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")


def unauthorized() -> ApiRefusal:
    """401: the token is unknown."""
    return ApiRefusal(401, "Unauthorized", "Unauthorized")


def forbidden(kind: Kind, name: str, message: str) -> ApiRefusal:
    """403: the authorizer denies the call. `message` is its text."""
    return ApiRefusal(403, "Forbidden", message, details=about(kind, name), headers=dict(NOT_SNIFFED))


def not_admitted(code: int, kind: Kind, name: str, message: str) -> ApiRefusal:
    """A 403 or 422 by an admission plugin. In `message`, the policy's own text follows `is forbidden: `."""
    details = {**about(kind, name), "causes": [{"message": message.partition(" is forbidden: ")[2] or message}]}
    return ApiRefusal(code, "Forbidden" if code == 403 else "Invalid", message, details=details)


def not_found(kind: Kind, name: str) -> ApiRefusal:
    """404: there is no such object."""
    return ApiRefusal(404, "NotFound", f"{subject(kind, name)} not found", details=about(kind, name))


def no_such_resource() -> ApiRefusal:
    """404: there is no such path."""
    return ApiRefusal(404, "NotFound", "the server could not find the requested resource", details={})


def method_not_allowed() -> ApiRefusal:
    """405: the path does not take this method."""
    message = "the server does not allow this method on the requested resource"
    return ApiRefusal(405, "MethodNotAllowed", message, details={})


def conflict(kind: Kind, name: str) -> ApiRefusal:
    """409: the object has another resource version."""
    message = (
        f"Operation cannot be fulfilled on {subject(kind, name)}: the object has been modified; "
        "please apply your changes to the latest version and try again"
    )
    return ApiRefusal(409, "Conflict", message, details=about(kind, name))


def already_exists(kind: Kind, name: str) -> ApiRefusal:
    """409: there is an object of this name."""
    message = f"{subject(kind, name)} already exists"
    return ApiRefusal(409, "AlreadyExists", message, details=about(kind, name))


def expired(message: str, *, continue_token: str | None = None) -> ApiRefusal:
    """410: the version is too old. A list also gets a `continue_token` for an inconsistent rest."""
    metadata = {"continue": continue_token} if continue_token else None
    return ApiRefusal(410, "Expired", message, metadata=metadata)


def too_large() -> ApiRefusal:
    """413: the body exceeds the limit."""
    message = "Request entity too large: limit is 3145728"
    return ApiRefusal(413, "RequestEntityTooLarge", message, headers={"connection": "close"})


def unsupported_media_type() -> ApiRefusal:
    """415: the patch is not a merge patch."""
    return ApiRefusal(415, "UnsupportedMediaType", "415: Unsupported Media Type", details={})


def invalid(kind: Kind, name: str, causes: list[tuple[str, str]]) -> ApiRefusal:
    """A 422. Each cause is a field and a message about it."""
    texts = [f"{field}: {message}" for field, message in causes]
    problem = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    listed = [{"reason": _reason(m), "message": m, "field": field} for field, m in causes]
    details = {**about(kind, name, kind.name), "causes": listed}
    title = f"{kind.name}.{kind.group}" if kind.group else kind.name
    return ApiRefusal(422, "Invalid", f'{title} "{name}" is invalid: {problem}', details=details)


def _reason(message: str) -> str:
    return next((reason for opening, reason in CAUSES.items() if message.startswith(opening)), "FieldValueInvalid")


def internal_error(message: str) -> ApiRefusal:
    """A 500 without a reason: the real server's answer to a malformed resource version, in a watch or in an object."""
    return ApiRefusal(500, "", message)


def version_too_large(asked: int, current: int) -> ApiRefusal:
    """504: the resource version lies in the future."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return ApiRefusal(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {asked}, current: {current}",
        details={"causes": [cause], "retryAfterSeconds": 1},
        headers={"retry-after": "1"},
    )


def subject(kind: Kind, name: str) -> str:
    """The object's name in messages. `name` is empty for a collection."""
    return f'{kind.qualified} "{name}"' if name else kind.qualified


def about(kind: Kind, name: str, kind_name: str | None = None) -> Json:
    """The `details` of a Status: name, group and kind of the object."""
    named = {"name": name} if name else {}
    grouped = {"group": kind.group} if kind.group else {}
    return {**named, **grouped, "kind": kind_name or kind.resource}
