"""Installing does not depend on the day: every install line takes locks as they are."""

import pytest

from tests.deploy.installs import ROOT, commands_of, scripts, wrong_lines

LOCK = "pip install --require-hashes --no-deps -r requirements.lock"
SELF = "pip install --no-deps --no-build-isolation -e ."

SCRIPTS = list(scripts())


def test_every_install_line_takes_a_lock_as_it_is_and_checks_it() -> None:
    """Seen to fail with `--no-deps` taken out of the README's test command, as it was on 29 November 2026."""
    wrong = [f"{where}: {line}" for where, text in SCRIPTS for line in wrong_lines(text)]
    assert wrong == []


@pytest.mark.parametrize("place", ["README.md", "deploy/action/notify", "Containerfile", "docs/deployment.md"])
def test_the_install_lines_of_this_place_are_seen(place: str) -> None:
    """The walk above would find nothing wrong where it finds nothing."""
    found = [command for where, text in SCRIPTS if where.startswith(place) for command in commands_of(text)]
    assert [command for command in found if command.installs]
    assert [command for command in found if command.does == "check"]


@pytest.mark.parametrize(
    "script",
    [
        f"{LOCK} && {SELF} && pip check",
        f"venv/bin/{LOCK} \\\n  && venv/bin/python -I -m pip check",
        '"$venv/bin/python" -I -m ' + LOCK + ' ||\n  fail 3 "no"\nout=$("$venv/bin/python" -I -m pip check 2>&1)',
        f"RUN /opt/krt/bin/{LOCK} \\\n && /opt/krt/bin/pip check",
        "tools/bin/pip wheel --no-index --no-build-isolation --no-deps -w out .",
        "pip install --no-index --no-deps out/*.whl\npip check",
        "# pip install anything, says a comment",
        "uv pip compile --generate-hashes requirements.in -o requirements.lock",
        "pip --version; pip uninstall -y pip",
        "pipx install '.[terminal,completion]'",
    ],
)
def test_a_line_that_takes_what_is_locked_is_right(script: str) -> None:
    assert wrong_lines(script) == []


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("pip install -q --require-hashes -r tests/requirements.lock && pip check", "no --no-deps"),
        ("pip install -q '.[dev]' && krt all --dev", "no --no-deps"),
        ("python3 -m pip install --upgrade pip", "no --no-deps"),
        ("pip install --no-deps -r tests/requirements.lock; pip check", "no --require-hashes"),
        ("pip install --no-deps --require-hashes -r requirements.in; pip check", "something else than a lock"),
        (f"{LOCK}\n", "no `pip check`"),
        (f"pip check && {LOCK}", "no `pip check`"),
        (f"a/bin/{LOCK} && b/bin/pip check", "no `pip check`"),
        (f"a/bin/python -m {LOCK} && b/bin/python -m pip check", "no `pip check`"),
        ("pip install --no-deps -e . && pip check", "builds with what the index has today"),
        ("pip wheel --no-deps -w out .", "builds with what the index has today"),
        ("pip install --no-deps httpx==0.28.1 && pip check", "what no lock has named"),
        (f"{SELF} --upgrade && pip check", "today: --upgrade"),
        ("      run: pip3 install \\\n        --no-deps \\\n        krt\n", "what no lock has named"),
        ("pip3.13 download krt", "no --no-deps"),
        ("out=$(pip install krt) || exit", "no --no-deps"),
        ("uv pip install -r requirements.lock", "another installer than pip"),
        ("pipx run krt", "another installer than pip"),
        ("pipx install krt", "another installer than pip"),
        ("echo 'one\npip install krt", "no --no-deps"),
    ],
)
def test_a_line_that_depends_on_the_day_is_found(script: str, reason: str) -> None:
    (line,) = wrong_lines(script)
    assert reason in line


def test_continuous_integration_installs_by_the_readmes_commands_alone() -> None:
    """So that what a person runs is what was tried, on each Python, with the pip that its venv brings."""
    script = (ROOT / ".ci" / "run").read_text()
    assert list(commands_of(script)) == []
    assert "first=$(readme first) tests=$(readme test)" in script
    assert '"$first"' in script
    assert '"$tests"' in script
