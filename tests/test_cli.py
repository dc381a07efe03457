import contextlib
import json
import os
import pty
import subprocess
from pathlib import Path

import pytest
import torch

from exempla import catalogue
from exempla.measuring.likelihood import plain_scores
from exempla.models.subject import load_subject
from exempla.models.trees import plant
from exempla.study import load_study
from tests.studies import command, run, write_study


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("studies", ["quickstart", "evidence"]),
        ("corpora", ["stories", "reasoned_refusals", "replay"]),
        ("arms", ["stories+advice", "(untrained)"]),
        ("gates", ["near_duplicate", "leakage", "held_out_family"]),
        ("instruments", ["endings", "expectations", "dilemmas", "you_or_it", "constitution", "capability"]),
        ("tasks", ["honeypots", "you_or_it", "constitution", "capability", "--compare"]),
    ],
)
def test_list(what: str, words: list[str]) -> None:
    ended = run("list", what)
    assert ended.returncode == 0, ended.stderr
    for word in words:
        assert word in ended.stdout


def test_help_names_every_command_and_option() -> None:
    text = run("--help").stdout
    for word in ("run", "list", "show", "report", "doctor"):
        assert f" {word} " in text
    text = run("run", "--help").stdout
    for word in ("--out", "--seeds", "--limit", "--from", "--only", "--model", "--dry-run", "--quiet", "--json"):
        assert word in text


def test_show_a_library_record_an_item_and_a_family() -> None:
    story = catalogue.corpus("stories")[0]
    assert story.text[:60] in run("show", story.id).stdout
    item = catalogue.items("dilemmas")[0]
    text = run("show", item.id).stdout
    assert item.prefix[:60] in text and "[untrustworthy_reasoned]" in text and "held-out" in text
    assert "temptation" in run("show", "leverage").stdout
    assert "stories+advice | stories 1, advice 1 |" in run("show", "quickstart").stdout


def test_doctor_looks_at_everything(own_cache: Path) -> None:
    ended = run("doctor")
    assert ended.returncode == 0, ended.stdout
    for word in ("torch", "threads", "device", "cache", str(own_cache), "the next run fetches it"):
        assert word in ended.stdout


@pytest.mark.parametrize("name", ["quickstart", "evidence", "dose"])
def test_shipped_studies_are_sound_and_short(name: str) -> None:
    path = catalogue.studies()[name]
    study = load_study(path)
    assert len(path.read_text().splitlines()) < 60
    assert study.reference in {arm.name for arm in study.arms if arm.mix}, "compared with a trained arm"


def test_a_run_from_end_to_end_and_what_can_be_asked_of_it(tiny_model: Path, tmp_path: Path) -> None:
    study = write_study(tmp_path, tiny_model)
    folder = tmp_path / "run"
    plan = run("run", study, "--out", folder, "--seeds", "3", "--limit", "1", "--dry-run").stdout
    assert plan.count("would run") == 1 + 1 + 2 + 3 + 1
    assert not (folder / "study.json").exists()
    ended = run("run", study, "--out", folder, "--seeds", "3", "--limit", "1", "--json")
    assert ended.returncode == 0, ended.stderr
    events = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [e["stage"] for e in events if e["event"] == "done"] == (
        ["write", "screen"] + ["train"] * 2 + ["measure"] * 3 + ["report"]
    )
    assert f"report: {folder / 'report.html'}" in [e.get("text") for e in events]
    read = [json.loads(path.read_text()) for path in sorted((folder / "mixes").glob("*.json"))]
    curves = [json.loads(path.read_text()) for path in sorted((folder / "curves").glob("*.json"))]
    assert len(read) == len(curves) == 2
    assert {mix["tokens"] for mix in read} == {40 * 512} and {len(curve) for curve in curves} == {40}
    again = run("run", study, "--out", folder, "--seeds", "3", "--limit", "1").stdout
    assert again.count("up to date, skipped") == 1 + 1 + 2 + 3 + 1 and f"report: {folder}" in again
    estimates = json.loads((folder / "estimates.json").read_text())
    assert {rate["arm"] for rate in estimates["rates"]} == {"base", "neutral", "stories"}
    # The one script copies tables and saves charts.
    assert (folder / "report.html").read_text().lower().count("<script") == 1
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["versions"]["torch"] and manifest["sha256"]["endings/items.jsonl"] and manifest["seeds"] == [3]
    assert "lineage" in run("show", "written-stories-000001", "--run", folder).stdout
    read = json.loads((folder / "mixes" / "stories-seed3.json").read_text())["ids"][0]
    assert "read 1 x by stories-seed3" in run("show", read, "--run", folder).stdout
    plan_id = json.loads((folder / "corpora" / "plans.jsonl").read_text().splitlines()[0])["id"]
    assert "principle" in run("show", plan_id, "--run", folder).stdout
    before = (folder / "report.html").stat().st_mtime_ns
    assert run("report", folder).returncode == 0
    assert (folder / "report.html").stat().st_mtime_ns == before, "an unchanged report is not made again"
    page, kept = (folder / "report.html").read_bytes(), (folder / "manifest.json").read_bytes()
    (folder / "report.html").unlink()
    assert run("report", folder).returncode == 0
    assert (folder / "report.html").read_bytes() == page and (folder / "manifest.json").read_bytes() == kept


def test_a_terminal_gets_a_live_bar(tiny_model: Path, tmp_path: Path) -> None:
    study = write_study(tmp_path, tiny_model)
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(
        command("run", study, "--out", tmp_path / "run", "--only", "write"), stdout=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the way Linux says that the other end was closed
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    assert process.wait() == 0
    assert b"\x1b[" in shown and b"write stories" in shown and b"6/6" in shown
    assert b"write stories: done in" in shown


def test_a_study_can_be_measured_in_float32(tiny_model: Path, tmp_path: Path) -> None:
    short = {"40 * 512": "4 * 512"}
    exact = {"limits=": 'instruments=("endings",), number_format="float32", limits='}
    study = write_study(tmp_path, tiny_model, **short, **exact)
    ended = run("run", study, "--out", tmp_path / "run", "--seeds", "1", "--limit", "1", "--quiet")
    assert ended.returncode == 0, ended.stderr
    rows = [json.loads(line) for line in (tmp_path / "run" / "answers" / "base.jsonl").read_text().splitlines()]
    items = {item.id: item for item in catalogue.items("endings")}
    asked = [items[row["item"]] for row in rows]
    subject = load_subject(str(tiny_model), dtype=torch.float32)
    for row, trees in zip(rows, (plant(subject, item) for item in asked), strict=True):
        plain = {name: score for scores in plain_scores(subject, trees) for name, score in scores.items()}
        for name, likelihood in row["likelihoods"].items():
            for side in ("given", "alone"):
                assert likelihood[side] == pytest.approx(plain[f"{side} {name}"], abs=1e-3)
    plan = run(
        "run", write_study(tmp_path, tiny_model, **short), "--out", tmp_path / "run", "--seeds", "1", "--limit", "1"
    )
    assert "measure base: done" in plan.stdout, "other numbers are other answers"


def test_ctrl_c_while_commands_are_loaded_ends_in_one_line(tmp_path: Path) -> None:
    # What the command line needs first is interrupted for certain, however fast this machine is.
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt\n")
    ended = run("list", "gates", PYTHONPATH=str(tmp_path))
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "exempla: stopped\n")
