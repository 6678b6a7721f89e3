"""The settings of `krt check-policy`: only those by which `krt web` decides about a caller."""

from collections.abc import Mapping
from dataclasses import dataclass

from krt.core.caller.patterns import ImagePattern
from krt.core.caller.policy import Rule
from krt.core.caller.who import Who
from krt.errors import SettingsInvalid
from krt.oidc.config import Issuer
from krt.settings.load import problems_of_audience
from krt.settings.parts import Admission, Web
from krt.settings.policy import problems_of_web, rules_of
from krt.settings.roles import known_variables
from krt.settings.table import SettingsReader, row_of, settings_of


@dataclass(frozen=True, slots=True)
class Judge:
    """The settings that decide about a caller. If `audience` is None, the claims' own audience counts as correct."""

    policy: tuple[Rule, ...] | None = row_of(Admission, "policy")
    allowed_org: Who | None = row_of(Web, "allowed_org")
    images: tuple[ImagePattern, ...] | None = row_of(Admission, "images")
    audience: str | None = row_of(Web, "audience", default="")
    issuer: Issuer = row_of(Web, "issuer")

    def rules(self) -> tuple[Rule, ...]:
        """The rules that say who may announce which images."""
        return rules_of(self.policy, self.allowed_org, self.images)


def load_judge(flags: Mapping[str, str], environ: Mapping[str, str]) -> Judge:
    """Read the settings. `flags` maps flag names to values. Raises SettingsInvalid with every problem."""
    rows = settings_of(Judge)
    reader = SettingsReader(flags, environ, rows={Judge: rows}, known=known_variables())
    judge = reader.read(Judge)
    reader.problems.extend(problems_of_web(reader.given(), rows["policy"], rows["allowed_org"], rows["images"]))
    reader.problems.extend(problems_of_audience(judge.audience, judge.issuer) if judge else ())
    if judge is None or reader.problems:
        raise SettingsInvalid(tuple(reader.problems))
    return judge
