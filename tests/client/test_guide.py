from pathlib import Path

import yaml

from krt.client import exits

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "github-actions.md").read_text(encoding="utf-8")


def test_the_guide_has_every_exit_code_and_what_it_means() -> None:
    for code, meaning in exits.MEANINGS.items():
        assert f"| {code} | {meaning} |\n" in GUIDE


def test_the_guide_has_every_input_of_the_action() -> None:
    action = yaml.safe_load((ROOT / "deploy" / "action" / "action.yml").read_text(encoding="utf-8"))
    for name in action["inputs"]:
        assert f"\n| `{name}` | " in GUIDE


def test_the_guide_has_every_output_of_the_action() -> None:
    action = yaml.safe_load((ROOT / "deploy" / "action" / "action.yml").read_text(encoding="utf-8"))
    assert action["outputs"].keys() == {"event", "state", "report"}
    for name in action["outputs"]:
        assert f"\n| `{name}` | " in GUIDE


def test_the_workflow_of_the_guide_is_one_and_asks_for_no_more_than_it_needs() -> None:
    workflow = yaml.safe_load(GUIDE.split("```yaml\n")[1].split("```")[0])
    assert workflow["permissions"] == {}
    assert workflow["jobs"]["publish"]["permissions"] == {"contents": "read", "packages": "write", "id-token": "write"}
    step = workflow["jobs"]["publish"]["steps"][-1]
    assert step["with"].keys() == {"image", "tags", "url"}
