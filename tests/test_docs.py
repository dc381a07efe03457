"""Documents stay true: no blanks left open, every named file there, every command known."""

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


def test_options_in_the_readme_exist() -> None:
    known = run("run", "--help").stdout + run("show", "--help").stdout
    line = next(line for line in (ROOT / "README.md").read_text().splitlines() if "exempla run mine.py --out" in line)
    for option in re.findall(r"--[a-z-]+", line):
        assert option in known, option
