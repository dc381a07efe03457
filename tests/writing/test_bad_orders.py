"""Orders that cannot be carried out: one line, exit code 2, before anything is sent or made; as a user types them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from exempla.cli import main
from exempla.files import read_lines
from exempla.records import Plan
from tests.loopback import Fault, Served, served
from tests.studies import command
from tests.test_bad_input import as_nobody, refused

MODEL = "openai-api/loopback/m"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(words=40) as server:
        yield server


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(_keys()):
        monkeypatch.delenv(name)


def _keys() -> set[str]:
    return {name for name in os.environ if name.endswith(("_API_KEY", "_BASE_URL"))}


# --- bad input, as a user types it -----------------------------------------------------------------------------------


class Bad(NamedTuple):
    """What is typed after `exempla write`, the model and the server's address aside, and what is said of it."""

    typed: tuple[object, ...]
    words: tuple[str, ...]
    served: bool = True


BAD = {
    "unknown model": Bad(
        ("stories", "--n", 3, "--model", "gpt-17"), ("unknown model 'gpt-17'", "provider/model"), False
    ),
    "missing key": Bad(("stories", "--n", 3, "--model", "openai/gpt-5"), ("no key", "OPENAI_API_KEY"), False),
    "wrong URL": Bad(
        ("stories", "--n", 3, "--model", MODEL, "--base-url", "http://127.0.0.1:1/v1"),
        ("no server answers at http://127.0.0.1:1", "--base-url"),
        False,
    ),
    "zero": Bad(("stories", "--n", 0), ("--n 0", "at least 1")),
    "negative": Bad(("stories", "--n", -3), ("--n -3", "at least 1")),
    "constitution": Bad(("stories", "--n", 3, "--constitution", "none.md"), ("none.md", "no such constitution file")),
    "quota": Bad(("stories", "--n", 1200, "--prompts", "few"), ("pool 'name' has 3 names", "1200 texts need 200")),
    "placeholder": Bad(
        ("stories", "--n", 3, "--prompts", "mine"), ("draft.txt: unknown placeholder $seting", "did you mean $setting?")
    ),
}
"""The kinds that the manual names, each in a process of its own."""


@pytest.fixture(scope="module")
def ended(server: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess[str]]:
    place = tmp_path_factory.mktemp("bad")
    (place / "mine" / "stories").mkdir(parents=True)
    (place / "mine" / "stories" / "draft.txt").write_text("A $genre in $seting.")
    (place / "few" / "pools").mkdir(parents=True)
    (place / "few" / "pools" / "name.txt").write_text("Fogbow\nHeddle\nNeap\n")
    environment = {name: value for name, value in os.environ.items() if name not in _keys()}

    def typed(kind: str) -> subprocess.CompletedProcess[str]:
        bad = BAD[kind]
        there = ("--model", MODEL, "--base-url", server.url) if bad.served else ()
        words = command("write", *bad.typed, *there, "--out", kind)
        return subprocess.run(words, capture_output=True, text=True, timeout=120, env=environment, cwd=place)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(BAD, pool.map(typed, BAD), strict=True)) | {"": typed_nothing(place)}


def typed_nothing(place: Path) -> subprocess.CompletedProcess[str]:
    """Stands for what is left in the place where everything was typed."""
    left = sorted(path.name for path in place.iterdir())
    return subprocess.CompletedProcess([], 0, "\n".join(left), "")


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_told_in_one_line(ended: dict[str, subprocess.CompletedProcess[str]], kind: str) -> None:
    refused(ended[kind], *BAD[kind].words)
    assert ended[kind].stdout == ""


def test_bad_input_leaves_nothing_behind(ended: dict[str, subprocess.CompletedProcess[str]], server: Served) -> None:
    assert ended[""].stdout.split() == ["few", "mine"]
    assert server.requests == [], "nothing was sent"


# --- more of it, in this process -------------------------------------------------------------------------------------

Typed = Callable[..., str]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], server: Served) -> Typed:
    """Types a command that must be refused, and gives the one line that is said."""
    monkeypatch.chdir(tmp_path)

    def typed(*words: object, model: str = MODEL, url: str = server.url, made: bool = False) -> str:
        address = ("--base-url", url) if url else ()
        line = ("write", *words, "--model", model, *address, "--out", "out")
        monkeypatch.setattr(sys, "argv", ["exempla", *map(str, line)])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capfd.readouterr()
        assert caught.value.code == 2, out + err
        assert out == "" and "Traceback" not in err
        assert len(err.strip().splitlines()) == 1, err
        assert Path("out").exists() == made
        return err

    return typed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("storys", "--n", 3), ["unknown recipe 'storys'", "did you mean 'stories'?"]),
        (("stories", "--n", 3, "--steps", "draft,critik"), ["unknown step of stories", "did you mean 'critique'?"]),
        (("stories", "--n", 3, "--budget", 5), ["--budget", MODEL, "--prices FILE"]),
        (("stories", "--n", 3, "--prices", "none.json"), ["none.json", "price table"]),
        (("stories", "--n", 3, "--prompts", "none"), ["none: no such folder"]),
        (("stories", "--n", 3, "--from", "refusals"), ["stories builds on no other corpus", "--from"]),
        (("environments", "--n", 3, "--from", "none"), ["--from none", "refusals"]),
        (("environments", "--n", 3, "--from", "stories"), ["--from stories", "no record in it has a prompt"]),
        (("stories", "--n", 3, "--language", "de"), ["--language 'de'", "--prompts"]),
        (("stories", "--n", 3, "--batch"), ["--batch", MODEL, "anthropic"]),
        (("stories", "--n", 3, "--reasoning", "much"), ["reasoning", "'minimal'"]),
        (("reasoned_refusals", "--n", 100_000), ["different plans", "100000"]),
    ],
)
def test_an_order_that_cannot_be_carried_out(told: Typed, words: tuple[object, ...], said: list[str]) -> None:
    line = told(*words)
    for word in said:
        assert word in line, line


@pytest.mark.parametrize(
    ("model", "url", "said"),
    [
        ("nosuch/m", "", ["unknown model 'nosuch/m'"]),
        ("openai-api/m", "", ["unknown model 'openai-api/m'", "openai-api/SERVICE/NAME"]),
        ("./none", "", ["./none", "no model folder"]),
        (MODEL, "", ["no key", "LOOPBACK_API_KEY"]),
        (MODEL, "localhost:8000/v1", ["localhost:8000/v1", "http://127.0.0.1:8000/v1"]),
        (MODEL, "not an address", ["not an address", "http://127.0.0.1:8000/v1"]),
        (MODEL, "http://nowhere.invalid/v1", ["no server answers", "nowhere.invalid"]),
        (MODEL, "http://127.0.0.1:99999/v1", ["http://127.0.0.1:99999/v1"]),
        ("openai-api-completions/loopback/m", "http://127.0.0.1:1/v1", ["no server answers"]),
    ],
)
def test_a_model_that_is_not_there(told: Typed, model: str, url: str, said: list[str]) -> None:
    line = told("stories", "--n", 3, model=model, url=url)
    for word in said:
        assert word in line, line


def test_a_judge_that_is_not_there(told: Typed) -> None:
    assert "unknown model 'nosuch/m'" in told("stories", "--n", 3, "--judge", "nosuch/m")


def test_a_constitution_that_cannot_be_read(told: Typed, tmp_path: Path) -> None:
    (tmp_path / "empty.md").write_text(" \n")
    (tmp_path / "binary.md").write_bytes(b"\0\1\2")
    (tmp_path / "large.md").write_bytes(b"# A\n\n" + b"Be kind. " * 1_200_000)
    (tmp_path / "folder.md").mkdir()
    for name, said in (
        ("empty.md", "empty"),
        ("binary.md", "not a UTF-8 text file"),
        ("large.md", "over 10 MB"),
        ("folder.md", "no such constitution file"),
    ):
        line = told("stories", "--n", 3, "--constitution", name)
        assert name in line and said in line, line


def test_no_permission(server: Served, tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("## kindness — Be kind\n\nBe kind.\n")
    secret.chmod(0o000)
    model = ("--model", MODEL, "--base-url", server.url)
    ended = as_nobody("write", "stories", "--n", 3, *model, "--constitution", secret, "--out", tmp_path / "out")
    refused(ended, "secret.md", "cannot be read")
    assert not (tmp_path / "out").exists()


def test_the_folder_is_a_file(told: Typed, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    assert "out: is a file, not a folder" in told("stories", "--n", 3, made=True)
    assert (tmp_path / "out").read_text() == "mine"


def test_what_the_command_line_itself_refuses(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ("stories",),
        ("stories", "--n", "many"),
        ("stories", "--n", "3", "--style", "sing"),
        ("stories", "--n", "3", "--temperature", "-1"),
        ("stories", "--n", "3", "--connections", "0"),
        ("stories", "--n", "3", "--budget", "-1"),
        ("stories", "--n", "3", "--max-requests", "0"),
    ):
        monkeypatch.setattr(sys, "argv", ["exempla", "write", *words, "--model", MODEL, "--dry-run"])
        with pytest.raises(SystemExit) as caught:
            main()
        err = capfd.readouterr().err
        assert caught.value.code == 2 and "Traceback" not in err and "Error: " in err, err
        assert words[-2 if len(words) > 1 else 0].lstrip("-") in err.replace("Missing option '--n'", "stories")


@pytest.mark.parametrize(
    ("kind", "said"),
    [("404", ["--model", "--base-url", "http 404"]), ("401", ["key is not accepted", "http 401"])],
)
def test_what_only_the_server_can_know_binds_nobody(told: Typed, tmp_path: Path, kind: str, said: list[str]) -> None:
    """A name that the server does not know shows at the first request; a folder is there by then, without a corpus."""
    out = tmp_path / "out"
    words = ("stories", "--n", 2, "--words", 30, "--steps", "draft", "--language", "", "--connections", 1)
    with served(rule="writer", words=30, kinds=[["", "story"]], faults=[Fault(kind=kind, rate=1)]) as broken:
        line = told(*words, url=broken.url, made=True)
        for word in said:
            assert word in line, line
        assert len(broken.requests) == 1, "asked once"
    assert not {"records.parquet", "README.md", "manifest.json"} & {path.name for path in out.iterdir()}
    with served(rule="writer", words=30, kinds=[["", "story"]], bodies=True) as sound:
        address = ["--model", "openai-api/loopback/right", "--base-url", sound.url, "--no-screen", "--quiet"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["exempla", "write", *map(str, words), *address, "--seed", "5", "--out", "out"])
            with pytest.raises(SystemExit) as caught:
                main()
        assert caught.value.code in (0, None)
        asked = "\n".join(seen.body["messages"][-1]["content"] for seen in sound.requests)
    assert "# stories: 2 texts" in (out / "README.md").read_text()
    plans = read_lines(out / "work" / "plans.jsonl", Plan)
    assert [plan.number for plan in plans] == [1, 2]
    assert all(plan.facts["setting"] in asked for plan in plans), "plans of the first attempt are gone"
