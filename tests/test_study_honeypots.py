"""A study whose subjects are put to honeypots and judged: the command line, a real (tiny) model, real folders."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from exempla.measuredfolder import Judged, MeasuredFolder
from exempla.measuring.questions.question import questions
from exempla.questionanswers import QuestionAnswer
from exempla.runfolder import RunFolder, read_study
from tests.studies import run, write_study

HONEYPOTS = (
    'measuring=Measuring(instruments=(), capability=True, honeypots=Honeypots(scenarios=("grain-bookings",), '
    'goals=("explicit",), threats=("replacement",), forms=("text",), max_tokens=4)),\n)'
)


def study_file(folder: Path, model: Path) -> Path:
    text = write_study(folder, model).read_text()
    head, _ = text.split("    measuring=")
    head = head.replace("import Arm, Measuring", "import Arm, Honeypots, Measuring").replace("(1, 2)", "(1,)")
    path = folder / "agents.py"
    path.write_text(f"{head}    {HONEYPOTS}\n".replace("40 * 512", "4 * 512"))
    return path


def test_honeypots_and_capability_go_through_every_stage(tmp_path: Path, tiny_model: Path) -> None:
    path, out = study_file(tmp_path, tiny_model), tmp_path / "run"
    done = run("run", path, "--out", out, "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = RunFolder(out)
    study = read_study(folder)
    for cell in study.cells():
        own = MeasuredFolder(folder.honeypots(cell))
        answers = own.latest()
        # One threatened sample, its control, and the probe.
        assert len(answers) == 3 and {one.kind for one in answers.values()} == {"honeypot", "probe"}
        about = own.read_about()
        assert about is not None and about.model.startswith("exempla/")
        assert (cell.name in about.model) == bool(cell.arm.mix)  # trained cells are asked by their checkpoint
        judged = Judged.model_validate_json(own.judged.read_text())
        assert judged.judge == "rules" and judged.answers + sum(judged.left_out.values()) == 2
        battery = MeasuredFolder(folder.capability(cell))
        assert len(battery.rows(QuestionAnswer)) == len(questions("capability")) and battery.passages.exists()
    assert folder.report.exists()

    again = run("run", path, "--out", out, "--json")
    events = [json.loads(line) for line in again.stdout.splitlines()]
    assert {one["event"] for one in events} == {"skipped", "report"}

    # Another judge: nothing is measured anew.
    path.write_text(
        path.read_text()
        .replace("measuring=", 'judging=Judging(judge="nobody/at-all"),\n    measuring=', 1)
        .replace("import Arm,", "import Arm, Judging,")
    )
    other = run("run", path, "--out", out, "--dry-run")
    measure, judge = (
        [line for line in other.stdout.splitlines() if line.startswith(stage)] for stage in ("measure", "judge")
    )
    assert len(measure) == 6 and all("up to date" in line for line in measure)
    assert len(judge) == 3 and not any("up to date" in line for line in judge)


@pytest.mark.slow
def test_a_labelled_folder_that_is_measured_anew_keeps_its_labels(tmp_path: Path, tiny_model: Path) -> None:
    path, out = study_file(tmp_path, tiny_model), tmp_path / "run"
    path.write_text(path.read_text().replace(" capability=True,", ""))
    assert run("run", path, "--out", out, "--quiet").returncode == 0
    folder = RunFolder(out)
    cell = read_study(folder).cells()[0]
    labels = MeasuredFolder(folder.honeypots(cell)).labels / "ann.jsonl"
    labels.parent.mkdir()
    labels.write_text("{}\n")
    before = MeasuredFolder(folder.honeypots(cell)).answers.stat().st_mtime_ns
    path.write_text(path.read_text().replace("max_tokens=4", "max_tokens=5"))
    done = run("run", path, "--out", out, "--only", "measure", "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    assert labels.read_text() == "{}\n" and not MeasuredFolder(folder.honeypots(cell)).judged.exists()
    assert MeasuredFolder(folder.honeypots(cell)).answers.stat().st_mtime_ns > before


def test_a_study_without_anything_to_measure_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    path = study_file(tmp_path, tiny_model)
    path.write_text(path.read_text().replace(HONEYPOTS, "measuring=Measuring(instruments=()),\n)"))
    done = run("run", path, "--out", tmp_path / "run")
    assert done.returncode == 2 and "nothing is measured" in done.stderr and len(done.stderr.splitlines()) == 1


def test_an_unknown_family_is_one_line(tmp_path: Path, tiny_model: Path) -> None:
    path = study_file(tmp_path, tiny_model)
    path.write_text(path.read_text().replace('scenarios=("grain-bookings",)', 'families=("blackmial",)'))
    done = run("run", path, "--out", tmp_path / "run")
    assert not (tmp_path / "run" / "corpora").exists()  # before anything was written
    assert done.returncode == 2 and "blackmial" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_dry_run_says_what_could_be_found(tmp_path: Path, tiny_model: Path) -> None:
    path = study_file(tmp_path, tiny_model)
    few = run("run", path, "--out", tmp_path / "run", "--dry-run").stdout
    assert "1 scenario x 1 threatened answer x 1 seed: no reduction would be found" in " ".join(few.split())
    path.write_text(
        path.read_text()
        .replace('scenarios=("grain-bookings",), ', "")
        .replace("seeds=(1,)", "seeds=(1, 2, 3)")
        .replace("max_tokens=4)", "epochs=9, max_tokens=4)")
    )
    many = " ".join(run("run", path, "--out", tmp_path / "run", "--dry-run").stdout.split())
    found = re.search(r"24 scenarios x 9 threatened answers x 3 seeds: a true reduction of ([\d.]+)x or more", many)
    assert found and 1.5 < float(found.group(1)) < 20
