"""Texts that a corpus must stay away from: evaluation files and Inspect tasks that the user names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from exempla.errors import UserError
from exempla.scenarios.opening import all_texts, in_short
from exempla.scenarios.scenario import read_scenario
from exempla.screening.intake.sources import files_of, rows_of
from exempla.screening.words import words

PEERS = {"inspect_evals": "exempla[peers]"}
"""Packages of other people's evaluations that exempla has an extra for."""
FEWEST_WORDS = 8
"""Of a value that is looked at: shorter ones are labels, and would meet any text by chance."""


def texts_against(names: Sequence[str]) -> dict[str, str]:
    """Text by a name that tells where it stands, of every item of the files, folders and tasks.

    Raises:
        UserError: one of them cannot be read, or holds no text.
    """
    found: dict[str, str] = {}
    for name in names:
        path = Path(name).expanduser()
        mine = dict(_of(path, name))
        if not mine:
            raise UserError(
                f"--against {name}: holds no text of {FEWEST_WORDS} words or more, and a shorter one would meet any "
                "corpus by chance; give a file with whole questions or scenes"
            )
        found |= mine
    return found


def _of(path: Path, name: str) -> Iterator[tuple[str, str]]:
    if (path / "scenario.yaml").exists():
        scenario = read_scenario(path)
        return iter([(f"{name}: what happens", in_short(scenario)), (f"{name}: its texts", all_texts(scenario))])
    if path.exists() and path.suffix != ".py":
        return _of_files(path)
    _require_task(name)
    return _of_task(name)


def _require_task(name: str) -> None:
    """See that a name may be one of an Inspect task: `package/task`, `file.py` or `file.py@task`.

    Raises:
        UserError: it is no such name, or nothing of that name is there.
    """
    file, _, _ = name.partition("@")
    if file.endswith(".py"):
        if not Path(file).expanduser().exists():
            raise UserError(f"--against {name}: no such file; correct its path")
        return
    package, _, task = name.partition("/")
    if not task or not package.isidentifier() or "/" in task or "." in task:
        raise UserError(f"--against {name}: no such file, folder or task; correct its path, or give PACKAGE/TASK")
    if find_spec(package) is None:
        how = f"pip install '{PEERS[package]}'" if package in PEERS else f"install it, if {name} is an Inspect task"
        raise UserError(f"--against {name}: no such file, and the package {package} is not installed; {how}")


def _of_files(path: Path) -> Iterator[tuple[str, str]]:
    for file in files_of(path):
        for row in rows_of(file):
            if row.problem:
                raise UserError(f"--against {row.place}: {row.problem}")
            if text := _joined(row.values):
                yield row.place, text


def _of_task(name: str) -> Iterator[tuple[str, str]]:
    """The samples of an Inspect task, by `package/task` or `file.py@task`: what is asked, and what is expected."""
    try:
        from inspect_ai._eval.loader import load_task_spec  # Inspect has no public way to make a task by its name
    except ImportError as error:
        raise UserError(f"--against {name}: this version of Inspect cannot give its tasks; give a file") from error
    try:
        tasks = load_task_spec(name)
    except Exception as error:  # whatever somebody else's task raises
        said = " ".join(str(error).split())[:160]
        raise UserError(f"--against {name}: no file, and Inspect cannot make a task of that name ({said})") from error
    if not tasks:
        raise UserError(f"--against {name}: no file, and Inspect knows no task of that name; correct it")
    for task in tasks:
        for number, sample in enumerate(task.dataset, start=1):
            asked = sample.input if isinstance(sample.input, str) else [turn.text for turn in sample.input]
            text = _joined({"input": asked, "target": sample.target, "metadata": sample.metadata or {}})
            if text:
                yield f"{name}:{sample.id or number}", text


def _joined(value: Any) -> str:
    return "\n\n".join(text for text in _strings(value) if len(words(text)) >= FEWEST_WORDS)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)
