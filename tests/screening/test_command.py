"""`exempla screen` as a user types it: any corpus in; records, reasons and a page out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from exempla import catalogue
from exempla.errors import UserError
from exempla.progress import Reporter
from exempla.screening.command import screen_corpus
from exempla.screening.intake import against
from exempla.screening.intake.rows import Columns
from exempla.screening.job import Job
from tests.loopback import served

EXEMPLA = [sys.executable, "-m", "exempla"]
STORIES = [record.text for record in catalogue.corpus("stories")]
SHORT = ("--skip", "misbehaving_ai,villain_tropes,language")
"""Gates that these tests are not about and that take a second each to get ready."""


def run(*arguments: object, cwd: Path, code: int = 0) -> str:
    done = subprocess.run(
        [*EXEMPLA, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows(path: Path) -> list[dict[str, object]]:
    return pq.read_table(path).to_pylist()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty stories of the library, as somebody else's file, with faults of every kind among them."""
    folder = tmp_path_factory.mktemp("screened")
    (item,) = [item for item in catalogue.items("endings") if item.id == "ending-leverage-01"]
    texts: list[dict[str, object]] = [{"story": text, "n": n} for n, text in enumerate(STORIES[:40])]
    texts += [
        {"story": STORIES[0].upper(), "n": 40},
        {"story": STORIES[1].replace(" the ", " that ", 5), "n": 41},
        {
            "story": f"It was so. {item.prefix} That is all there is to say of it. " + "Rain fell on the sea. " * 2,
            "n": 42,
        },
        {"story": "Too short.", "n": 43},
        {"story": STORIES[41] + " And after that the", "n": 44},
        {"story": f"As an AI language model, I cannot write that story.\n\n{STORIES[42]}", "n": 45},
        {"story": f"{STORIES[43]} Write to ana.brun@posteo.de or ring +44 20 7946 0123.", "n": 46},
        {"story": None, "n": 47},
    ]
    source = lines(folder / "mine.jsonl", texts)
    with source.open("ab") as stream:
        stream.write(b'{"story": "caf\xe9"}\n{"story": "torn')
    said = run("screen", source, "--text-column", "story", *SHORT, cwd=folder)
    assert said.count("note: 1 row skipped") == 3
    return folder / "screened" / "mine"


def test_every_row_is_kept_dropped_or_skipped_once(screened: Path):
    kept, dropped = rows(screened / "records.parquet"), rows(screened / "dropped.parquet")
    skipped = (screened / "skipped.jsonl").read_text().splitlines()
    assert len(kept) + len(dropped) == 47 and len(skipped) == 3
    assert len({row["id"] for row in kept + dropped}) == 47
    assert not (screened / ".screening").exists()


def test_each_fault_is_dropped_by_its_gate_with_a_reason(screened: Path):
    dropped = {
        json.loads(row["other"])["n"]: (row["gate"], row["reason"]) for row in rows(screened / "dropped.parquet")
    }
    expected = {40: "exact", 41: "near_duplicate", 42: "leakage", 43: "length", 44: "truncated"}
    expected |= {45: "refusal_text", 46: "personal_data"}
    assert {n: dropped[n][0] for n in expected} == expected
    assert "ending-leverage-01" in dropped[42][1]
    assert all(reason for _, reason in dropped.values())


def test_other_columns_and_places_are_kept(screened: Path):
    row = next(row for row in rows(screened / "records.parquet") if row["text"] == STORIES[5])
    assert json.loads(row["other"]) == {"n": 5} and str(row["place"]).endswith("mine.jsonl:6")


def test_the_figures_are_the_page_s_and_the_page_has_no_script(screened: Path):
    figures = json.loads((screened / "screening.json").read_text())
    assert figures["result"]["records"] == 47
    assert figures["result"]["kept"] + sum(figures["result"]["dropped"].values()) == 47
    page = (screened / "screening.html").read_text()
    assert "<script" not in page and "http://" not in page.replace("http://example", "")
    for gate in figures["result"]["dropped"]:
        assert gate in page


def test_a_study_can_mix_what_was_kept(screened: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(screened.parents[1])
    records = catalogue.corpus("screened/mine")
    assert len(records) == len(rows(screened / "records.parquet"))
    assert records[0].text in STORIES and records[0].id.startswith("mine-")


def test_screening_what_was_kept_drops_nothing_more(screened: Path):
    said = run("screen", screened, "--out", "again", *SHORT, cwd=screened.parent)
    assert "dropped 0" in said


def test_screening_in_several_processes_gives_the_same(tmp_path: Path):
    texts = [{"id": f"s{n}", "text": text} for n, text in enumerate(STORIES + STORIES[:30] + STORIES)]
    source = lines(tmp_path / "mine.jsonl", texts)  # type: ignore[arg-type]
    only = "--only", "length,leakage,exact,near_duplicate,names,openings,tics"
    for number in (1, 2):
        run("screen", source, "--out", tmp_path / f"out{number}", "--processes", number, *only, cwd=tmp_path)
    one, two = (rows(tmp_path / f"out{number}" / "dropped.parquet") for number in (1, 2))
    assert one == two and len(one) > 280


def test_a_dataset_on_disk_and_a_shipped_corpus(tmp_path: Path):
    Dataset.from_dict({"content": STORIES[:5]}).save_to_disk(tmp_path / "set")
    assert "kept 5 of 5" in run("screen", tmp_path / "set", *SHORT, cwd=tmp_path)
    assert "kept 82 of 82" in run("screen", "dystopian", "--only", "exact", cwd=tmp_path)


ERRORS = {
    "no such file": (["nothing.jsonl"], "no such file"),
    "no such column": (["mine.jsonl", "--text-column", "tale"], "no column 'tale'"),
    "no such gate": (["mine.jsonl", "--only", "lenght"], "did you mean 'length'"),
    "no such package": (["mine.jsonl", "--against", "nobody/nothing"], "package nobody is not installed"),
    "no such task": (["mine.jsonl", "--against", "exempla/nothing"], "knows no task of that name"),
    "no file against": (["mine.jsonl", "--against", "data/nothing.jsonl"], "no such file, folder or task"),
    "no program against": (["mine.jsonl", "--against", "nothing.py@task"], "no such file"),
    "labels against": (["mine.jsonl", "--against", "labels.jsonl"], "no text of 8 words or more"),
    "no gate left": (["mine.jsonl", "--only", "length", "--skip", "length"], "no gate is left"),
    "no such language": (["mine.jsonl", "--language", "xx"], "language 'xx'"),
    "an empty file": (["empty.jsonl"], "holds no record (0 rows read)"),
    "no record": (["nulls.jsonl"], "nulls.jsonl:1: no text"),
    "no form": (["mine.csv"], "not a form that can be read"),
    "its own source": (["mine.jsonl", "--out", "."], "choose another folder"),
    "no model": (["mine.jsonl", "--model", "nobody/nothing"], "nobody"),
    "no embedding": (["mine.jsonl", "--embedding", "./nothing"], "--embedding ./nothing"),
    "nothing": ([], "what is to be screened"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, name: str):
    lines(tmp_path / "mine.jsonl", [{"text": STORIES[0]}])
    lines(tmp_path / "nulls.jsonl", [{"text": None}])
    (tmp_path / "empty.jsonl").write_text("")
    lines(tmp_path / "labels.jsonl", [{"text": "three"}])
    (tmp_path / "mine.csv").write_text("text\n")
    before = set(tmp_path.rglob("*"))
    arguments, said = ERRORS[name]
    output = run("screen", *arguments, cwd=tmp_path, code=2)
    errors = [line for line in output.splitlines() if line.startswith("exempla: ")]
    assert len(errors) == 1 and said in errors[0]
    assert set(tmp_path.rglob("*")) == before, "nothing is left behind"
    assert "huggingface" not in output


@pytest.mark.parametrize("option", [("--language", "xx"), ("--model", "nobody/nothing"), ("--embedding", "/nothing")])
def test_settings_are_refused_before_the_corpus_is_read(tmp_path: Path, option: tuple[str, str]):
    (tmp_path / "mine.jsonl").write_text("no JSON\n")
    said = run("screen", "mine.jsonl", *option, cwd=tmp_path, code=2)
    assert "skipped" not in said and option[1] in said


def test_a_package_that_an_extra_brings_is_named_with_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(against, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"inspect_evals is not installed; pip install 'exempla\[peers\]'"):
        against.texts_against(["inspect_evals/agentic_misalignment"])


def test_a_result_of_other_settings_is_replaced_with_a_word(tmp_path: Path):
    lines(tmp_path / "mine.jsonl", [{"text": STORIES[0]}, {"text": STORIES[0]}])
    command = ("screen", "mine.jsonl", "--only", "exact", "--processes")
    assert "replaces" not in run(*command, 1, cwd=tmp_path) + run(*command, 2, cwd=tmp_path)
    assert "other settings (mark)" in run(*command, 1, "--mark", "exact", cwd=tmp_path)


def test_a_gate_that_drops_much_is_told_of_with_how_to_keep_them(tmp_path: Path):
    lines(tmp_path / "mine.jsonl", [{"text": STORIES[n // 2]} for n in range(8)])
    assert "exact dropped 50%: to keep them marked instead, --mark exact" in run(
        "screen", "mine.jsonl", "--only", "exact", cwd=tmp_path
    )


def test_a_command_with_blanks_is_shown_as_it_can_be_typed_again(tmp_path: Path):
    lines(tmp_path / "my own.jsonl", [{"text": STORIES[0]}])
    run("screen", "my own.jsonl", "--only", "exact", "--out", "out", cwd=tmp_path)
    about = json.loads((tmp_path / "out" / "screening.json").read_text())["about"]
    assert "'my own.jsonl'" in about["command"]


def _come(moment: str, process: int, work: Path) -> bool:
    """Whether a screening in two processes has come so far."""
    if moment == "writing":
        return bool(list(work.glob("made/*.parquet")))
    helpers = [one for one in psutil.Process(process).children() if "spawn_main" in " ".join(one.cmdline())]
    # Loading takes a helper a second of its processor; it reads from then on.
    return len(helpers) == 2 and min(sum(one.cpu_times()[:2]) for one in helpers) > (0.1 if moment == "starting" else 3)


@pytest.mark.parametrize("moment", ["starting", "reading", "writing"])
def test_ctrl_c_stops_at_once_and_leaves_the_former_result(tmp_path: Path, moment: str):
    """Early, while processes start, and later; the whole group gets the signal, as from a terminal."""
    source = lines(tmp_path / "mine.jsonl", [{"text": text} for text in STORIES * 8])
    run("screen", source, "--out", "out", "--only", "exact", cwd=tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()}
    process = subprocess.Popen(
        [*EXEMPLA, "screen", source, "--out", "out", "--processes", "2"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    until = time.monotonic() + 60
    while not _come(moment, process.pid, tmp_path / "out" / ".screening") and time.monotonic() < until:
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    stopped = time.monotonic()
    said = process.communicate(timeout=60)[0].decode()
    assert time.monotonic() - stopped < 5 and process.returncode == 130
    assert said.splitlines()[-1:] == ["exempla: stopped; nothing was kept of it; run the same command again"]
    assert "Traceback" not in said and psutil.wait_procs(children, timeout=10)[1] == []
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()} == before


def test_further_items_are_kept_away_from(tmp_path: Path):
    question = "A baker in Lund has nine ovens and every third one smokes when the wind is in the north"
    lines(tmp_path / "exam.jsonl", [{"question": question, "answer": "three"}])
    source = lines(tmp_path / "mine.jsonl", [{"text": f"{STORIES[0]} {question}."}, {"text": STORIES[1]}])
    run("screen", source, "--against", "exam.jsonl", "--only", "leakage", cwd=tmp_path)
    (dropped,) = rows(tmp_path / "screened" / "mine" / "dropped.parquet")
    assert "exam.jsonl:1" in str(dropped["reason"])


def test_a_result_below_its_source_is_no_part_of_it(tmp_path: Path):
    (tmp_path / "data").mkdir()
    lines(tmp_path / "data" / "a.jsonl", [{"text": text} for text in STORIES[:4]])
    for _ in range(2):
        job = Job(source=str(tmp_path / "data"), out=tmp_path / "data" / "out", only=("exact",))
        assert screen_corpus(job, Reporter("quiet")).records == 4


def test_secrets_of_an_address_reach_no_file(tmp_path: Path):
    source = lines(tmp_path / "mine.jsonl", [{"text": STORIES[0]}])
    with served(scores=(4, 5)) as server:
        url = server.url.replace("http://", "http://ana:hunter2@")
        options = ("--only", "quality", "--model", "openai-api/loopback/m", "--base-url", url)
        subprocess.run(
            [*EXEMPLA, "screen", source, *options], cwd=tmp_path, capture_output=True, timeout=240, check=False
        )
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert (tmp_path / "screened" / "mine" / "verdicts.jsonl").exists()
    assert not any(b"hunter2" in path.read_bytes() for path in written)


def test_a_gate_can_mark_and_a_marking_one_can_drop(tmp_path: Path):
    source = lines(tmp_path / "mine.jsonl", [{"text": STORIES[0]}, {"text": STORIES[0]}])
    job = Job(source=str(source), out=tmp_path / "out", only=("exact",), mark=("exact",))
    result = screen_corpus(job, Reporter("quiet"))
    assert result.kept == 2 and result.marked == {"exact": 1}
    assert "exact" in json.loads(str(rows(tmp_path / "out" / "records.parquet")[1]["marks"]))


def test_the_better_scored_twin_is_kept(tmp_path: Path):
    source = lines(tmp_path / "mine.jsonl", [{"text": STORIES[0], "q": 1}, {"text": STORIES[0].lower(), "q": 2}])
    job = Job(source=str(source), out=tmp_path / "out", only=("exact",), columns=Columns(score="q"))
    screen_corpus(job, Reporter("quiet"))
    (kept,) = rows(tmp_path / "out" / "records.parquet")
    assert kept["text"] == STORIES[0].lower()


def test_a_killed_screening_leaves_nothing_that_looks_whole_and_can_be_begun_again(tmp_path: Path):
    source = lines(tmp_path / "mine.jsonl", [{"text": text} for text in STORIES * 4])
    command = [*EXEMPLA, "screen", str(source), "--out", "out", "--processes", "2"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    work = tmp_path / "out" / ".screening"
    until = time.monotonic() + 60
    while not (work.exists() and list(work.glob("*.jsonl"))) and time.monotonic() < until:
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert psutil.wait_procs(children, timeout=30)[1] == [], "its processes end with it"
    assert not (tmp_path / "out" / "records.parquet").exists()
    run("screen", source, "--out", "out", "--only", "exact", cwd=tmp_path)
    assert len(rows(tmp_path / "out" / "records.parquet")) == len(set(STORIES)) and not work.exists()


def test_a_run_s_corpora_are_screened_again_by_its_folder(tmp_path: Path):
    run("run", "quickstart", "--out", "r", "--only", "screen", cwd=tmp_path, code=2)  # nothing is written yet
    study = tmp_path / "mine.py"
    study.write_text(
        "from exempla.study import Arm, Study\n"
        "study = Study(name='mine', question='?', arms=(Arm(name='base'), Arm(name='a', mix={'neutral': 1})),"
        " reference='base', headline='a', seeds=(1,))\n"
    )
    run("run", study, "--out", "mine", "--only", "screen", cwd=tmp_path)
    said = run("screen", "mine", cwd=tmp_path)
    assert "up to date" in said and (tmp_path / "mine" / "corpora" / "screening.html").exists()


def test_a_judge_is_asked_over_http_and_what_it_cannot_say_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = lines(tmp_path / "mine.jsonl", [{"text": text} for text in STORIES[:3]])
    with served(scores=(1, 2)) as server:
        job = Job.model_validate(
            {
                "source": str(source),
                "out": tmp_path / "out",
                "only": ("quality",),
                "judge": {"model": "openai-api/loopback/m", "base_url": server.url, "in_flight": 2},
            }
        )
        result = screen_corpus(job, Reporter("quiet"))
        asked = len(server.requests)
        again = screen_corpus(job, Reporter("quiet"))
        assert len(server.requests) == asked > 0 and again == result
    figures = json.loads((tmp_path / "out" / "screening.json").read_text())
    states = figures["about"]["judged"]
    assert sum(states.values()) == 3
    assert result.kept == 3 - result.dropped.get("quality", 0)


def test_a_source_that_is_no_file_raises(tmp_path: Path):
    with pytest.raises(UserError):
        screen_corpus(Job(source=str(tmp_path / "x"), out=tmp_path / "out"), Reporter("quiet"))
