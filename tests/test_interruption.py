"""Real processes killed with SIGKILL in every stage; the run then goes on to the very same results."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from exempla.files import file_sha256, write_atomically
from tests.studies import run, start, write_study

RESULTS = (
    "corpora/*.jsonl",
    "mixes/*.json",
    "curves/*.json",
    "checkpoints/*/*.safetensors",
    "answers/*.jsonl",
)


def results(folder: Path) -> dict[str, str]:
    """Hashes of everything that must come out the same."""
    found = {str(path.relative_to(folder)): file_sha256(path) for pattern in RESULTS for path in folder.glob(pattern)}
    return found | {"estimates": file_sha256(folder / "estimates.json")}


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.fixture(scope="module")
def uninterrupted(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("whole")
    study = write_study(folder, tiny_model)
    ended = run("run", study, "--out", folder / "run", "--quiet")
    assert ended.returncode == 0 and ended.stdout == "" and ended.stderr == "", ended.stderr
    return study, results(folder / "run")


MOMENTS: dict[str, Callable[[Path, str], bool]] = {
    "write": lambda run, out: lines(run / "corpora/work/written.jsonl") >= 2,
    "screen": lambda run, out: '"begin", "unit": "screen' in out,
    "train": lambda run, out: any(run.glob("checkpoints/*.state/checkpoint-1*/complete")),
    "measure": lambda run, out: lines(run / "answers/neutral-seed1.jsonl") >= 3,
    "report": lambda run, out: '"begin", "unit": "report"' in out,
}


OFTEN = ("train", "measure")
"""The stages that lose most; the others are killed in `make test-slow`."""


@pytest.mark.parametrize(
    "stage", [stage if stage in OFTEN else pytest.param(stage, marks=pytest.mark.slow) for stage in MOMENTS]
)
def test_a_killed_run_goes_on_to_the_same_results(
    stage: str, uninterrupted: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    study, expected = uninterrupted
    folder = tmp_path / "run"
    log = tmp_path / "log"
    with log.open("w") as stream:
        process = start("run", study, "--out", folder, "--json", stdout=stream)
        deadline = time.monotonic() + 300
        while not MOMENTS[stage](folder, log.read_text()):
            assert process.poll() is None, f"ended before the moment came:\n{log.read_text()}"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (folder / "report.html").exists()
    torn = folder / {"write": "corpora/work/replies.jsonl", "measure": "answers/neutral-seed1.jsonl"}.get(stage, "none")
    if torn.exists():
        with torn.open("a") as stream:
            stream.write('{"item": "half a li')
    plan = run("run", study, "--out", folder, "--dry-run").stdout.splitlines()
    (would,) = [line for line in plan if "would go on" in line]
    assert would.startswith(stage)
    again = run("run", study, "--out", folder, "--json")
    assert again.returncode == 0, again.stderr
    events = [json.loads(line) for line in again.stdout.splitlines()]
    (gone_on,) = [event for event in events if event["event"] == "resumed"]
    assert gone_on["stage"] == stage
    if stage in ("write", "train", "measure"):  # the stages that keep what was done within a unit
        unit = next(e for e in events if e["event"] == "begin" and e["unit"].startswith(f"{stage} {gone_on['unit']}"))
        assert 0 < unit["done"] < unit["total"]
    assert results(folder) == expected


def test_a_finished_run_is_skipped_and_says_so(
    uninterrupted: tuple[Path, dict[str, str]],
) -> None:
    study, expected = uninterrupted
    folder = study.parent / "run"
    again = run("run", study, "--out", folder)
    units = 1 + 1 + 4 + 5 + 1
    assert again.stdout.count("up to date, skipped") == units
    assert results(folder) == expected
    plan = run("run", study, "--out", folder, "--dry-run").stdout
    assert plan.count("up to date") == units and "would run" not in plan


def test_a_report_of_answers_that_are_not_the_studys_is_refused(
    uninterrupted: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    study, _ = uninterrupted
    folder = tmp_path / "run"
    shutil.copytree(study.parent / "run", folder)
    answers = folder / "answers" / "stories-seed1.jsonl"
    answers.write_text("".join(answers.read_text().splitlines(keepends=True)[:-2]))
    ended = run("run", study, "--out", folder, "--only", "report")
    assert ended.returncode == 2 and "not finished, or of other items" in ended.stderr


def test_stale_results_are_named(uninterrupted: tuple[Path, dict[str, str]], tiny_model: Path, tmp_path: Path) -> None:
    study, _ = uninterrupted
    folder = tmp_path / "run"
    shutil.copytree(study.parent / "run", folder)
    manifest = (folder / "manifest.json").read_bytes()
    assert run("run", study, "--out", folder).returncode == 0
    assert (folder / "manifest.json").read_bytes() == manifest, "a call that does nothing leaves the manifest alone"
    changed = write_study(tmp_path, tiny_model, **{"learning_rate=1e-3": "learning_rate=2e-3"})
    ended = run("run", changed, "--out", folder, "--only", "report")
    assert "note: train neutral-seed1 is missing or of other inputs" in ended.stdout
    misspelt = write_study(tmp_path, tiny_model, **{'{"neutral": 1}': '{"neutrals": 1}'})
    ended = run("run", misspelt, "--out", folder, "--from", "report")
    assert ended.returncode == 2 and "unknown corpus 'neutrals'" in ended.stderr


def test_a_report_needs_no_model(tiny_model: Path, tmp_path: Path) -> None:
    away = tmp_path / "model"
    shutil.copytree(tiny_model, away)
    study = write_study(tmp_path, away)
    options = ("--out", tmp_path / "run", "--seeds", "1", "--limit", "1", "--quiet")
    assert run("run", study, *options).returncode == 0
    shutil.rmtree(away)
    (tmp_path / "run" / "report.html").unlink()
    ended = run("report", tmp_path / "run")
    assert ended.returncode == 0 and "cannot be compared with this study" in ended.stdout, ended.stderr
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.slow
def test_inputs_changed_at_the_wrong_moment(tiny_model: Path, tmp_path: Path) -> None:
    """An attempt with new inputs, stopped before it did anything, must not make old files pass for its own."""
    study = write_study(tmp_path, tiny_model)
    folder = tmp_path / "run"
    assert run("run", study, "--out", folder, "--seeds", "1", "--quiet").returncode == 0
    other = write_study(tmp_path, tiny_model, **{"learning_rate=1e-3": "learning_rate=2e-3"})
    process = start("run", other, "--out", folder, "--seeds", "1")
    while not (folder / "stages/train/neutral-seed1.started.json").exists():
        assert process.poll() is None
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert run("run", other, "--out", folder, "--seeds", "1", "--quiet").returncode == 0
    clean = tmp_path / "clean"
    assert run("run", other, "--out", clean, "--seeds", "1", "--quiet").returncode == 0
    assert results(folder) == results(clean)


def test_a_second_process_is_told_who_holds_the_folder(tiny_model: Path, tmp_path: Path) -> None:
    study = write_study(tmp_path, tiny_model)
    first = start("run", study, "--out", tmp_path / "run", "--quiet")
    try:
        while not (tmp_path / "run" / "lock.json").exists():
            assert first.poll() is None
            time.sleep(0.01)
        second = run("run", study, "--out", tmp_path / "run")
    finally:
        first.kill()
        first.wait()
    assert second.returncode == 2 and len(second.stderr.splitlines()) == 1
    assert f"in use by process {first.pid}" in second.stderr
    third = run("run", study, "--out", tmp_path / "run", "--only", "write", "--quiet")
    assert third.returncode == 0, "a lock left by a killed process must not hold the folder"


def test_ctrl_c_is_answered_in_one_line(tiny_model: Path, tmp_path: Path) -> None:
    study = write_study(tmp_path, tiny_model)
    process = start("run", study, "--out", tmp_path / "run")
    while not any((tmp_path / "run").glob("checkpoints/*.state")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; run the same command again to go on" in output and "Traceback" not in output


def test_a_changed_arm_reruns_that_arm_only(
    uninterrupted: tuple[Path, dict[str, str]], tiny_model: Path, tmp_path: Path
) -> None:
    study, _ = uninterrupted
    changed = write_study(tmp_path, tiny_model, **{'{"neutral": 1}': '{"dystopian": 1}'})
    plan = run("run", changed, "--out", study.parent / "run", "--only", "train", "--dry-run").stdout
    rows = {tuple(line.split()[:2]): line for line in plan.splitlines()}
    assert "would run" in rows["train", "neutral-seed1"]
    assert "up to date" in rows["train", "stories-seed1"]


def test_half_a_file_of_a_killed_writer_goes_when_the_file_is_written_again(tmp_path: Path) -> None:
    left, others = tmp_path / ".curve.json.4711.tmp", tmp_path / ".curve.json"
    left.write_text('{"half')
    others.write_text("not ours")
    write_atomically(tmp_path / "curve.json", "{}")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".curve.json", "curve.json"]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["upper_layers=1", "method='lora', lora_rank=4, upper_layers=1"])
def test_other_ways_of_training_go_on_to_the_same_weights(tiny_model: Path, tmp_path: Path, way: str) -> None:
    study = write_study(
        tmp_path,
        tiny_model,
        **{
            "learning_rate=1e-3": f"learning_rate=1e-3, {way}",
            f"writing=Writing(n=6, writer={str(tiny_model)!r}, max_tokens=24, batch=2),": "",
            "limits=": "instruments=('endings',), limits=",
        },
    )
    options = ("--seeds", "1", "--limit", "1")
    process = start("run", study, "--out", tmp_path / "killed", *options)
    deadline = time.monotonic() + 300
    while not MOMENTS["train"](tmp_path / "killed", ""):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    process.wait()
    for place in ("killed", "whole"):
        assert run("run", study, "--out", tmp_path / place, *options, "--quiet").returncode == 0
    assert results(tmp_path / "killed") == results(tmp_path / "whole")
    assert any("checkpoints" in name for name in results(tmp_path / "whole"))
