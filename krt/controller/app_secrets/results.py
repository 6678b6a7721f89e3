"""How the last run of each environment of an App has ended, until the App's status says it."""

from collections.abc import Callable
from typing import NamedTuple

from krt.core.app_secrets.app import SecretsApp
from krt.core.app_secrets.status import SeenEnvironment


class EnvironmentKey(NamedTuple):
    """One environment of an App."""

    app: str
    environment: str

    def __str__(self) -> str:
        return f"{self.app}/{self.environment}"


class Results:
    """The last result of each environment. `changed` is called with the App's name; it must not block or raise."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._found: dict[EnvironmentKey, tuple[SecretsApp, SeenEnvironment]] = {}
        self._changed = changed

    def put(self, app: SecretsApp, seen: SeenEnvironment) -> None:
        """Keep the result of a run that began with this App."""
        self._found[EnvironmentKey(app.name, seen.name)] = app, seen
        self._changed(app.name)

    def forget(self, key: EnvironmentKey) -> None:
        """The App does not have the environment any more."""
        if self._found.pop(key, None):
            self._changed(key.app)

    def of(self, app: SecretsApp) -> tuple[SeenEnvironment, ...] | None:
        """The results of all environments of the App, in order; None if one has none yet for this App's spec."""
        found = [self._found.get(EnvironmentKey(app.name, each)) for each in app.environments]
        if any(each is None or _spec(each[0]) != _spec(app) for each in found):
            return None
        return tuple(each[1] for each in found if each)


def _spec(app: SecretsApp) -> tuple[str, int]:
    return app.uid, app.generation
