"""What `exempla list` and `exempla show` print."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import stream_lines
from exempla.measuring.questions.question import INSTRUMENTS as ASKED
from exempla.measuring.questions.question import questions
from exempla.records import CHECKS, Dropped, Item, Plan, Record, Rejected
from exempla.runfolder import RunFolder, existing_run, read_study
from exempla.screening.gate import gates
from exempla.study import INSTRUMENTS, Study, load_study
from exempla.surveying import TASKS
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.ledger import replies
from exempla.writing.recipe import recipes


def listing(what: str) -> Iterator[tuple[str, ...]]:
    """A header row and then one row a thing."""
    return {
        "studies": _studies,
        "corpora": _corpora,
        "arms": _arms,
        "recipes": _recipes,
        "gates": _gates,
        "instruments": _instruments,
        "scenarios": _scenarios,
        "tasks": _tasks,
    }[what]()


def _studies() -> Iterator[tuple[str, ...]]:
    yield "study", "question", "arms", "seeds"
    for name, path in catalogue.studies().items():
        study = load_study(path)
        yield name, study.question, str(len(study.arms)), str(len(study.seeds))


def _corpora() -> Iterator[tuple[str, ...]]:
    yield "corpus", "records", "words", "form"
    for name in catalogue.CORPORA:
        records = catalogue.corpus(name)
        words = sum(len(record.whole_text().split()) for record in records)
        yield name, str(len(records)), f"{words:,}", "chat" if records[0].messages else "running text"


def _arms() -> Iterator[tuple[str, ...]]:
    yield "arm", "study", "mix", "tokens", "updates"
    for name, path in catalogue.studies().items():
        for arm, *rest in _arm_rows(load_study(path)):
            yield arm, name, *rest


def _arm_rows(study: Study) -> Iterator[tuple[str, ...]]:
    """Name, mix, tokens and updates of each arm."""
    for arm in study.arms:
        mix = ", ".join(f"{corpus} {share:g}" for corpus, share in arm.mix.items())
        mix += f", less the records of {arm.less}" if arm.less else ""
        updates = study.training.updates(arm) if arm.mix else 0
        yield arm.name, mix or "(untrained)", f"{updates * study.training.tokens_per_update:,}", f"{updates:,}"


def _recipes() -> Iterator[tuple[str, ...]]:
    yield "recipe", "what it writes", "steps"
    for recipe in recipes().values():
        yield recipe.name, recipe.about, " → ".join(step.name for step in recipe.steps)


def _gates() -> Iterator[tuple[str, ...]]:
    yield "gate", "what it drops"
    for gate in gates():
        yield gate.name, gate.about


def _instruments() -> Iterator[tuple[str, ...]]:
    yield "instrument", "AI items", "controls", "checks", "families"
    for name in INSTRUMENTS:
        kinds = Counter(item.kind for item in catalogue.items(name))
        families = {item.family for item in catalogue.items(name) if item.family}
        checks = sum(kinds[kind] for kind in CHECKS)
        yield name, str(kinds["measured"]), str(kinds["control"]), str(checks), str(len(families))
    for task in ASKED:
        yield task, str(len({one.id for one in questions(task)})), "", "", ""


def _tasks() -> Iterator[tuple[str, ...]]:
    yield "task", "what it measures", "options of its own"
    for name, task in TASKS.items():
        yield name, task.about, ", ".join(f"--{option.replace('_', '-')}" for option in task.options)


def _scenarios() -> Iterator[tuple[str, ...]]:
    yield "scenario", "family", "split", "title"
    for one in catalogue.scenarios():
        yield one.id, one.family, one.split, one.title


def describe(name: str, folder: Path | None) -> str:
    """Everything known about an id: from a run or a corpus folder, or else from those that lie here and the library.

    Raises:
        UserError: nothing has that id, or the folder is neither a run nor a corpus.
    """
    if folder is not None:
        found = _in_corpus(name, CorpusFolder(folder)) if _is_corpus(folder) else _in_run(name, existing_run(folder))
        if found:
            return found
    else:
        for path in sorted({path.parent for path in Path("runs").glob("*/study.json")}):
            # A folder of another version must not stand in the way of what is found elsewhere.
            with contextlib.suppress(UserError):
                if found := _in_run(name, RunFolder(path)):
                    return found
        for path in sorted(path for path in Path("corpora").glob("*") if _is_corpus(path)):
            with contextlib.suppress(UserError):
                if found := _in_corpus(name, CorpusFolder(path)):
                    return found
    if found := _in_library(name):
        return found
    known = [record.id for corpus in catalogue.CORPORA for record in catalogue.corpus(corpus)]
    known += [item.id for instrument in INSTRUMENTS for item in catalogue.items(instrument)]
    known += [*TASKS, *(one.id for task in ASKED for one in questions(task))]
    known += [family.id for family in catalogue.families()] + [one.id for one in catalogue.scenarios()]
    known += list(catalogue.studies())
    catalogue.require("id", name, known)
    raise AssertionError("unreachable: a known id was found above")


def _in_run(name: str, folder: RunFolder) -> str:
    for plan in stream_lines(folder.plans, Plan):
        if plan.id == name:
            return _fields("plan", plan.model_dump(), folder.root)
    dropped = {drop.record.id: drop for drop in stream_lines(folder.dropped, Dropped)}
    written = {record.id: record for record in stream_lines(folder.written, Record)}
    kept = {record.id: record for record in stream_lines(folder.kept, Record)}
    record = kept.get(name) or (dropped[name].record if name in dropped else None) or written.get(name)
    if record is None:
        return ""
    fate = f"dropped by {dropped[name].gate}: {dropped[name].reason}" if name in dropped else "kept"
    state = fate if kept or dropped else "not screened yet"
    return _record(record) + f"\n\nrun {folder.root}: {state}{_readers(name, folder)}"


def _is_corpus(folder: Path) -> bool:
    return CorpusFolder(folder).settings.exists()


def _in_corpus(name: str, folder: CorpusFolder) -> str:
    """A plan or a record of a corpus, the record with its plan and all replies that led to it."""
    record = next((record for record in stream_lines(folder.written, Record) if record.id == name), None)
    gone = next((row for row in stream_lines(folder.rejected, Rejected) if row.id == name), None)
    plan_id = record.lineage.plan if record else gone.plan if gone else name
    plan = next((plan for plan in stream_lines(folder.plans, Plan) if plan.id == plan_id), None)
    if plan is None:
        return ""
    parts = [_record(record)] if record else []
    if gone:
        parts.append(_fields("not kept", gone.model_dump(), folder.root))
    parts.append(_fields("plan", plan.model_dump(), folder.root))
    if name != plan_id:
        for reply in replies(folder.replies):
            if reply.key.startswith(f"{plan_id}/"):
                state = f"not used: {reply.failure} {reply.detail}".rstrip() if reply.failure else "used"
                parts.append(f"--- {reply.key} ({reply.model}, {state})\n{reply.text}")
    return "\n\n".join(parts)


def _readers(name: str, folder: RunFolder) -> str:
    """Which arms read the record, and how often."""
    lines = []
    for cell in read_study(folder).cells():
        if folder.mix(cell).exists():
            times = json.loads(folder.mix(cell).read_text())["ids"].count(name)
            if times:
                lines.append(f"\n  read {times} x by {cell.name}; answers in {folder.answers(cell)}")
    return "".join(lines)


def _in_library(name: str) -> str:
    for corpus in catalogue.CORPORA:
        for record in catalogue.corpus(corpus):
            if record.id == name:
                return _record(record)
    for instrument in INSTRUMENTS:
        for item in catalogue.items(instrument):
            if item.id == name:
                return _item(item)
    if name in TASKS:
        own = {"measures": TASKS[name].about, "options": TASKS[name].options}
        return _fields("task", {"id": name} | own, None)
    if name in catalogue.studies():
        return _study(load_study(catalogue.studies()[name]))
    return _scenario(name) or _question(name) or _family(name)


def _family(name: str) -> str:
    return next((_fields("family", one.model_dump(), None) for one in catalogue.families() if one.id == name), "")


def _scenario(name: str) -> str:
    for scenario in catalogue.scenarios():
        if scenario.id == name:
            told = scenario.model_dump(include={"id", "family", "split", "summary", "role", "wrong", "tools"})
            exits = {"exits": [one.what for one in scenario.exits], "lever": scenario.lever.what}
            return _fields("scenario", told | exits | {"folder": str(catalogue.HONEYPOTS / name)}, None)
    return ""


def _question(name: str) -> str:
    """A question, in both forms if it has two."""
    parts = [
        _fields("question", one.model_dump(exclude={"text", "tools"}), None) + f"\n\n{one.text}"
        for task in ASKED
        for one in questions(task)
        if one.id == name
    ]
    return "\n\n".join(parts)


def _study(study: Study) -> str:
    head = _fields("study", {"id": study.name} | study.model_dump(exclude={"name", "arms"}), None)
    rows = [("arm", "mix", "tokens", "updates"), *_arm_rows(study)]
    arms = "\n".join(f"  {' | '.join(row)}" for row in rows)
    return f"{head}\n\n{arms}"


def _record(record: Record) -> str:
    head = _fields("record", record.model_dump(exclude={"text", "messages"}), None)
    body = record.text or "\n\n".join(f"[{message.role}]\n{message.content}" for message in record.messages)
    return f"{head}\n\n{body}"


def _item(item: Item) -> str:
    split = catalogue.split_of(item.family) if item.family else "check of understanding"
    head = _fields("item", item.model_dump(exclude={"prefix", "continuations"}) | {"split": split}, None)
    sides = "\n".join(f"  [{name}]{text}" for name, text in item.continuations.items())
    return f"{head}\n\n{item.prefix}\n{sides}"


def _fields(kind: str, values: dict[str, Any], folder: Path | None) -> str:
    lines = [f"{kind} {values.pop('id')}"]
    lines += [f"  {key}: {_plain(value)}" for key, value in values.items() if value not in ("", (), {}, None)]
    return "\n".join([*lines, f"  in: {folder}"] if folder else lines)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key} {_plain(inner)}" for key, inner in value.items() if inner not in ("", (), {}))
    if isinstance(value, (list, tuple)):
        return ", ".join(str(inner) for inner in value)
    return str(value)
