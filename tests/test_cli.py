import json
from pathlib import Path

import pytest

from exempla import catalogue
from exempla.study import load_study
from tests.studies import run, write_study


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("studies", ["quickstart", "evidence"]),
        ("corpora", ["stories", "reasoned_refusals", "replay"]),
        ("arms", ["stories+advice", "(untrained)"]),
        ("gates", ["near_duplicates", "overlap", "families"]),
        ("instruments", ["endings", "expectations", "dilemmas"]),
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


def test_doctor_looks_at_everything(own_cache: Path) -> None:
    ended = run("doctor")
    assert ended.returncode == 0, ended.stdout
    for word in ("torch", "threads", "device", "cache", str(own_cache), "the next run fetches it"):
        assert word in ended.stdout


@pytest.mark.parametrize("name", ["quickstart", "evidence"])
def test_shipped_studies_are_sound_and_short(name: str) -> None:
    path = catalogue.studies()[name]
    study = load_study(path)
    assert len(path.read_text().splitlines()) < 60
    budgets = {study.training.updates(arm) for arm in study.arms if arm.mix and arm.tokens is None}
    assert len(budgets) == 1


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
    estimates = json.loads((folder / "estimates.json").read_text())
    assert {rate["arm"] for rate in estimates["rates"]} == {"base", "neutral", "stories"}
    assert "<script" not in (folder / "report.html").read_text().lower()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["versions"]["torch"] and manifest["sha256"]["endings/items.jsonl"] and manifest["seeds"] == [3]
    assert "lineage" in run("show", "written-stories-001", "--run", folder).stdout
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
