"""What `exempla list` and `exempla show` print."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from exempla import catalogue
from exempla.files import read_lines
from exempla.records import CHECKS, Dropped, Item, Plan, Record
from exempla.runfolder import RunFolder, read_study
from exempla.screening.gates import gates
from exempla.study import INSTRUMENTS, Study, load_study
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


def describe(name: str, folders: Sequence[RunFolder]) -> str:
    """Everything known about an id.

    Raises:
        UserError: nothing has that id.
    """
    for found in (_in_runs(name, folders), _in_library(name)):
        if found:
            return found
    known = [record.id for corpus in catalogue.CORPORA for record in catalogue.corpus(corpus)]
    known += [item.id for instrument in INSTRUMENTS for item in catalogue.items(instrument)]
    known += [family.id for family in catalogue.families()] + list(catalogue.studies())
    catalogue.require("id", name, known)
    raise AssertionError("unreachable: a known id was found above")


def _in_runs(name: str, folders: Sequence[RunFolder]) -> str:
    for folder in folders:
        for plan in read_lines(folder.plans, Plan) if folder.plans.exists() else []:
            if plan.id == name:
                return _fields("plan", plan.model_dump(), folder)
        dropped = {d.record.id: d for d in read_lines(folder.dropped, Dropped)} if folder.dropped.exists() else {}
        written = {r.id: r for r in read_lines(folder.written, Record)} if folder.written.exists() else {}
        kept = {r.id: r for r in read_lines(folder.kept, Record)} if folder.kept.exists() else {}
        record = kept.get(name) or (dropped[name].record if name in dropped else None) or written.get(name)
        if record:
            fate = f"dropped by {dropped[name].gate}: {dropped[name].reason}" if name in dropped else "kept"
            return (
                _record(record)
                + f"\n\nrun {folder.root}: {fate if kept or dropped else 'not screened yet'}{_readers(name, folder)}"
            )
    return ""


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
    for family in catalogue.families():
        if family.id == name:
            return _fields("family", family.model_dump(), None)
    return _study(load_study(catalogue.studies()[name])) if name in catalogue.studies() else ""


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


def _fields(kind: str, values: dict[str, Any], folder: RunFolder | None) -> str:
    lines = [f"{kind} {values.pop('id')}"]
    lines += [f"  {key}: {_plain(value)}" for key, value in values.items() if value not in ("", (), {}, None)]
    return "\n".join([*lines, f"  run: {folder.root}"] if folder else lines)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key} {_plain(inner)}" for key, inner in value.items() if inner not in ("", (), {}))
    if isinstance(value, (list, tuple)):
        return ", ".join(str(inner) for inner in value)
    return str(value)
