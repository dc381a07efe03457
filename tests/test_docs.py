"""Documents stay true: no blanks left open, links lead somewhere, the README's commands and their options exist."""

import re
from pathlib import Path

import pytest

from tests.studies import run

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "benchmarks" / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere_and_nothing_is_left_blank(page: Path) -> None:
    text = page.read_text()
    assert "@@" not in text and "TODO" not in text
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (page.parent / target).exists(), target


def test_the_readmes_tree_is_the_real_one() -> None:
    tree = (ROOT / "README.md").read_text().split("## Find your way")[1].split("## ")[0]
    for name in re.findall(r"^ {6}(\w+(?:/|\.py))", tree, flags=re.MULTILINE):
        assert (ROOT / "src" / "exempla" / name).exists(), name


def test_commands_and_options_in_the_readme_exist() -> None:
    found = re.findall(r"^ {4}exempla (\w+)(.*)$", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    commands = {
        "run",
        "write",
        "screen",
        "measure",
        "judge",
        "check",
        "list",
        "show",
        "report",
        "cards",
        "view",
        "portray",
        "trace",
        "doctor",
    }
    assert {command for command, _ in found} == commands
    # Commands of commands are told by two words.
    lines = [(f"{one} {rest.split()[0]}" if one in ("judge", "check") else one, rest) for one, rest in found]
    known = {command: run(*command.split(), "--help") for command, _ in lines}
    for command, rest in lines:
        assert known[command].returncode == 0, command
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in known[command].stdout, (command, option)
