"""The report as Markdown: what a parser of GitHub's Markdown sees of a made-up run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from exempla.cli_report import report as report_command
from exempla.errors import UserError
from exempla.files import write_atomically, write_lines
from exempla.pages.markdown import cell, fenced, paragraph, quotation
from exempla.pages.wording import nats, p_value, percent, times
from exempla.reporting.estimates import Estimates
from exempla.reporting.markdown import render
from exempla.reporting.markdown.provenance import origin
from exempla.reporting.markdown.public import public_model, public_name, publish
from exempla.runfolder import RunFolder, write_study
from exempla.study import Judging, Study
from tests.reporting.test_page import HOSTILE, made_up_run, small_study
from tests.studies import run

BAD = [
    *("<b>", "|", "`", "*", "_", "[a](http://x.example)", "#", "- ", "1. ", "12) ", "> ", "===", "---", "~~~", "&lt;"),
    *("\\", "a@b.example", "www.x.example", "http://x.example", "\n", "\r\n", "\x00", "\x1b[31m", "\u202e"),
    *("0.5", "3:30", "word", " ", "+", "-", "\n```\n", "\n````\n"),
]
TEXTS = st.lists(st.one_of(st.sampled_from(BAD), st.text(max_size=4)), max_size=8).map("".join)


def parsed(markdown: str) -> list[Token]:
    """Every token of a text as GitHub reads it: tables, HTML allowed, plain addresses made links."""
    return flat(MarkdownIt("gfm-like", {"html": True}).parse(markdown))


def flat(tokens: list[Token]) -> list[Token]:
    return [one for token in tokens for one in (token, *flat(token.children or []))]


def words(tokens: list[Token]) -> str:
    return "".join(token.content for token in tokens if token.type == "text")


def shown(text: str) -> str:
    """What is to be seen of a text: everything, but one space for any white space, and a mark for what is unseen."""
    return " ".join(re.sub("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069]", "\ufffd", text).split())


@given(TEXTS)
def test_a_text_in_a_table_is_one_cell_of_text(text: str) -> None:
    tokens = parsed(f"| a | b |\n|---|---|\n| {cell(text)} | end |\n")
    kinds = [token.type for token in tokens]
    assert kinds.count("td_open") == 2 and kinds.count("table_open") == 1
    assert not set(kinds) & {"link_open", "html_inline", "html_block", "code_inline", "em_open", "strong_open", "image"}
    assert words(tokens) == f"ab{shown(text)}end"


@given(TEXTS)
def test_a_paragraph_is_one_paragraph_of_text(text: str) -> None:
    tokens = parsed(f"before\n\n{paragraph(text)}\n\nafter\n")
    allowed = {"paragraph_open", "inline", "text", "paragraph_close"}
    assert {token.type for token in tokens} <= allowed
    assert words(tokens) == f"before{shown(text)}after"


@given(TEXTS)
def test_code_and_quotations_end_where_they_should(text: str) -> None:
    tokens = parsed(f"{fenced(text, 'sh')}\n\nafter\n")
    assert [token.type for token in tokens][:2] == ["fence", "paragraph_open"] and words(tokens) == "after"
    kinds = [token.type for token in parsed(f"{quotation(text, 20)}\n\nafter\n")]
    assert not set(kinds) - {
        "blockquote_open", "blockquote_close", "paragraph_open", "paragraph_close", "inline", "text", "softbreak",
    }  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Estimates]:
    study = small_study()
    folder, table, estimates = made_up_run(tmp_path_factory.mktemp("run"), study, frozenset({"endings"}))
    return render(study, folder, table, estimates), estimates


def test_the_headline_stands_first_and_the_sections_follow(report: tuple[str, Estimates]) -> None:
    text, estimates = report
    assert estimates.headline
    tokens = parsed(text)
    first = next(token for token in tokens if token.type == "strong_open")
    assert tokens[tokens.index(first) + 1].content == cell(estimates.headline.sentence).replace("\\", "")
    headings = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]
    assert [heading for heading in headings if ":" not in heading] == [
        "Arms", "Endings", "Dilemmas, bare", "Dilemmas, reasoned", "Understanding", "Controls", "Capability", "Seeds",
        "Doses", "What each arm read", "Kept and dropped", "Limits", "How to repeat it",
    ]  # fmt: skip


def test_every_arm_has_its_figures(report: tuple[str, Estimates]) -> None:
    text, estimates = report
    effects = [effect for effect in estimates.effects if effect.instrument == "endings"]
    assert {effect.arm for effect in effects} == {"neutral", "stories", "stories-dose"}
    for effect in effects:
        (rate,) = [r for r in estimates.rates if (r.instrument, r.kind, r.arm) == ("endings", "measured", effect.arm)]
        row = " | ".join(
            [
                f"**{effect.arm}**" if effect.arm == "stories" else effect.arm,
                f"{percent(rate.rate)} ({percent(rate.low)} to {percent(rate.high)})",
                f"{times(effect.reduction)} ({times(effect.reduction_low)} to {times(effect.reduction_high)})",
                f"{nats(effect.nats)} ({nats(effect.nats_low)} to {nats(effect.nats_high)})",
                f"{nats(effect.beyond_control)} ({nats(effect.beyond_control_low)} to "
                f"{nats(effect.beyond_control_high)})",
                cell(p_value(effect.p_holm)),
            ]
        )
        assert f"| {row} |\n" in text
    assert "| base (reference) |" in text


def test_an_instrument_that_is_not_understood_has_no_figures_to_be_misread(report: tuple[str, Estimates]) -> None:
    text = report[0]
    assert text.count("**Not interpretable for this subject**") == 2
    for section in re.findall(r"### Dilemmas, (?:bare|reasoned)\n(.*?)\n##", text, flags=re.DOTALL):
        assert "|" not in section
    (dilemmas,) = [entry for entry in report[1].understanding if entry.instrument == "dilemmas"]
    check = dilemmas.checks[0]
    right = f"{check.right:g} of {check.count} | {percent(check.low)} to {percent(check.high)}"
    assert f"| dilemmas | {check.kind} | {right} | no |" in text


def test_doses_readings_gates_limits_and_repeating_are_told(report: tuple[str, Estimates]) -> None:
    text = report[0]
    assert "| stories-dose | stories 100% | 8 192 | 8 |" in text
    assert "| stories | 1 | 4 096 | 4 096 | stories: 25 (25), 1.25; written: 25 (25), 1.25 |" in text
    assert "| written | 3 | 1 | " in text and "repetition: 1, length: 1 |" in text
    assert "- 2 seeds: their spread is in the intervals" in text
    assert "```sh\n" in text and "| machine | cores: 2; note: " in text


def test_hostile_texts_are_only_text(report: tuple[str, Estimates]) -> None:
    tokens = parsed(report[0])
    kinds = {token.type for token in tokens}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "hr"}
    assert words(tokens).count(HOSTILE) == 2  # what the arm is for, and the machine
    assert "Is <b>this</b> escaped?" in words(tokens)
    widths = {line.count("|") for line in re.findall(r"(?m)^\|.*", report[0])}
    assert widths <= {3, 6, 7}  # no cell of a run makes a column


def test_missing_parts_are_said(tmp_path: Path) -> None:
    study = small_study(seeds=(5,), instruments=("expectations",)).model_copy(update={"writing": None})
    folder, table, estimates = made_up_run(tmp_path, study, frozenset())
    folder.manifest.unlink()
    folder.kept.unlink()
    write_lines(folder.dropped, [])
    for one in study.cells():
        folder.mix(one).unlink(missing_ok=True)
    text = render(study, folder, table, estimates)
    assert text.startswith("# made-up: report\n\n**The subject understood no instrument of this study")
    for said in (
        "No text has come to the gates yet.",
        "The run has no manifest, so command, machine and versions are not known.",
        "No arm was trained with two seeds",
        "No instrument can be read, so controls say nothing either.",
        "There is no account of what an arm read.",
    ):
        assert said in text, said
    assert "stories** |" not in text


def test_a_study_without_likelihoods_says_so(tmp_path: Path) -> None:
    study = small_study(seeds=(1,), instruments=("endings",))
    study = study.model_copy(update={"measuring": study.measuring.model_copy(update={"instruments": ()})})
    folder, table, estimates = made_up_run(tmp_path, study, frozenset())
    text = render(study, folder, table, estimates)
    assert "No instrument of this study is read by likelihood.\n\n## Understanding\n" in text
    assert "so there was nothing to check." in text and "so controls say nothing either" in text


def test_names_of_files_are_kept_from_the_public() -> None:
    assert public_name("/home/anna/models/mine") == "mine"
    assert public_name("~/models/mine") == "mine"
    assert public_name("owner/name") == "owner/name" and public_name("--seeds") == "--seeds"
    assert public_name("exempla//home/anna/mine") == "mine" and public_name("exempla/~/mine") == "mine"
    assert public_model("exempla/embedded") == "embedded" and public_model("exempla//home/anna/mine") == "mine"
    assert public_name("/") == "/" and public_model("openai/mine") == "openai/mine"


def test_paths_in_the_command_are_kept_from_the_public(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    words = ["run", "/home/anna/study.py", "--out=/home/anna/runs/x", "--judge", "exempla//home/anna/judge"]
    more = ["--model=~/models/mine", "--base-url=http://127.0.0.1:8000/v1", "--from=judge", "corpora/a=b", "--quiet"]
    write_atomically(folder.manifest, json.dumps({"command": ["exempla", *words, *more]}))
    found = origin(folder)
    assert found and found.command == (
        "exempla run study.py --out=x --judge judge --model=mine --base-url=http://127.0.0.1:8000/v1 --from=judge "
        "corpora/a=b --quiet"
    )


def test_an_arm_that_reads_folders_in_order_is_told_by_their_names(tmp_path: Path) -> None:
    here, there = "/home/anna/first/mine", "/home/anna/second/mine"
    study = small_study(instruments=("endings",))
    arms = tuple(
        arm.model_copy(update={"mix": {here: 1.0, there: 3.0}, "order": (there, here)}) if arm.mix else arm
        for arm in study.arms
    )
    study = study.model_copy(update={"arms": arms, "writing": None})
    study = study.model_copy(update={"judging": Judging(judge="exempla//home/anna/judge")})
    folder, table, estimates = made_up_run(tmp_path, study, frozenset({"endings"}))
    text = render(study, folder, table, estimates)
    assert "| stories-dose | mine-2 75%, then mine 25% | 8 192 | 8 |" in text
    assert "anna" not in text
    shown = publish(study, folder).study
    assert Study.model_validate(shown.model_dump()) == shown  # an order that names other corpora would be refused
    assert shown.judging.judge == "judge"


def run_folder(root: Path) -> RunFolder:
    """A run as `exempla run` leaves it, whose stages before the report need no model."""
    study = small_study(instruments=("endings",))
    arms = tuple(arm.model_copy(update={"mix": {"stories": 1.0}}) if arm.mix else arm for arm in study.arms)
    study = study.model_copy(update={"writing": None, "arms": arms})
    folder, _, _ = made_up_run(root, study, frozenset({"endings"}))
    write_study(folder, study)
    for one in study.cells():
        if one.arm.mix:
            folder.finish("train", one.name, "made up", 1.0)
    return folder


def test_the_command_writes_it_beside_the_page_or_where_one_wants(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    ended = run("report", folder.root, "--format", "md")
    assert ended.returncode == 0, ended.stderr
    beside = (folder.root / "report.md").read_text()
    assert folder.report.exists() and beside.startswith("# made-up: report")
    assert str(folder.root / "report.md") in ended.stdout
    report_command(folder.root, "md", tmp_path / "docs" / "result.md", quiet=True)
    assert (tmp_path / "docs" / "result.md").read_text() == beside
    report_command(folder.root, "html", tmp_path / "page.html", quiet=True)
    assert (tmp_path / "page.html").read_bytes() == folder.report.read_bytes()
    with pytest.raises(UserError, match="is a folder; give the name of a file with --out"):
        report_command(folder.root, "md", tmp_path)
    with pytest.raises(UserError, match="is the run's page"):
        report_command(folder.root, "md", folder.report)
    with pytest.raises(UserError, match="holds no run"):
        report_command(tmp_path, "md")
