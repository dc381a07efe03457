"""The sides of the comparisons of screening.py, each run as `PYTHON screening_sides.py SIDE FOLDER [--processes N]`.

FOLDER holds `texts.jsonl` and, for leakage, `items.jsonl`. The last line printed is a JSON object: `seconds` from a
list of strings to the result, `starting` (of these, spent until the processes or the index are there), `cpu`
(processor time, children included) and `found`, the places of the texts objected to. Loading libraries and the texts
is not timed. Nothing is imported at the top that an environment of a peer need not have.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

RUN, BANDS, ROWS = 3, 32, 4
"""As exempla's gate near_duplicate has them."""
Result = tuple[float, list[int]]
"""Seconds of starting, and the places found."""
Item = dict[str, Any]


# --- near duplicates -------------------------------------------------------------------------------------------------


def duplicates_exempla(texts: list[str], folder: Path, processes: int) -> Result:
    """The gate near_duplicate by itself through exempla's engine, over records on disk as `exempla screen` has them."""
    from exempla.screening.corpus import Corpus
    from exempla.screening.crew import Crew, Task
    from exempla.screening.engine import Selection, pass_gates
    from exempla.screening.gate import Context
    from exempla.screening.intake.rows import Taken
    from exempla.screening.intake.shelf import fill

    selection = Selection(names=("near_duplicate",), marking=frozenset(), library_too=True)
    with Crew(Context(), processes) as crew:
        records = (Taken(record=_record(n, text), place=str(n)) for n, text in enumerate(texts))
        shelf = folder / "shelf"
        shelf.mkdir()
        chunks = fill(shelf, records)
        filled = time.perf_counter()
        if processes > 1:
            list(crew.results([Task(count_readings, "", chunk, None) for chunk in chunks[:processes]]))
        started = time.perf_counter() - filled if processes > 1 else 0.0
        outcome = pass_gates(Corpus(chunks, crew), selection)
        return started, sorted(outcome.reasons)


def duplicates_memory(texts: list[str], folder: Path, processes: int) -> Result:
    """The gate near_duplicate by itself through exempla's engine, over records in memory as a study has them."""
    from exempla.screening.corpus import Corpus, in_chunks
    from exempla.screening.crew import Crew
    from exempla.screening.engine import Selection, pass_gates
    from exempla.screening.gate import Context

    selection = Selection(names=("near_duplicate",), marking=frozenset(), library_too=True)
    with Crew(Context()) as crew:
        corpus = Corpus(in_chunks([_record(n, text) for n, text in enumerate(texts)]), crew)
        return 0.0, sorted(pass_gates(corpus, selection).reasons)


def count_readings(readings: Any, known: Any) -> int:
    """A task that takes no time, so that one sees when the processes are there."""
    return len(readings)


def _record(number: int, text: str) -> Any:
    from exempla.records import Lineage, Record

    return Record(id=f"{number:08d}", corpus="benchmark", text=text, lineage=Lineage(writer="none"))


def duplicates_datasketch(texts: list[str], folder: Path, processes: int, batch: bool = False) -> Result:
    """MinHash and MinHashLSH; a text is a duplicate if the query finds one that was kept before it."""
    from exempla.screening.words import words

    datasketch = importlib.import_module("datasketch")
    index = datasketch.MinHashLSH(threshold=0.7, num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    found: list[int] = []
    for number, text in enumerate(texts):
        own = words(text)
        runs = [" ".join(own[start : start + RUN]).encode() for start in range(len(own) - RUN + 1)]
        sketch = datasketch.MinHash(num_perm=BANDS * ROWS)
        if batch:
            sketch.update_batch(runs)
        else:
            for run in runs:
                sketch.update(run)
        if index.query(sketch):
            found.append(number)
        else:
            index.insert(number, sketch)
    return 0.0, found


def duplicates_datasketch_batch(texts: list[str], folder: Path, processes: int) -> Result:
    """The same with all runs of a text at once."""
    return duplicates_datasketch(texts, folder, processes, batch=True)


def duplicates_datatrove(texts: list[str], folder: Path, processes: int, split: bool = False) -> Result:
    """The four steps with the local executor, from and to JSON Lines as its own examples have them."""
    executor = importlib.import_module("datatrove.executor").LocalPipelineExecutor
    steps = importlib.import_module("datatrove.pipeline.dedup.minhash")
    reader = importlib.import_module("datatrove.pipeline.readers").JsonlReader
    writer = importlib.import_module("datatrove.pipeline.writers").JsonlWriter
    importlib.import_module("loguru").logger.remove()
    config = steps.MinhashConfig(n_grams=RUN, num_buckets=BANDS, hashes_per_bucket=ROWS)
    work = folder / "datatrove"
    (work / "in").mkdir(parents=True)
    with (work / "in" / "texts.jsonl").open("w", encoding="utf-8") as file:
        for number, text in enumerate(texts):
            file.write(json.dumps({"id": str(number), "text": text}) + "\n")
    signature = steps.MinhashDedupSignature(f"{work}/signatures", config=config)
    if split:
        signature.word_tokenizer = _Split()
    stages: list[tuple[int, list[Any]]] = [
        (1, [reader(f"{work}/in"), signature]),
        (BANDS, [steps.MinhashDedupBuckets(f"{work}/signatures", f"{work}/buckets", config=config)]),
        (1, [steps.MinhashDedupCluster(f"{work}/buckets", f"{work}/remove", config=config)]),
        (
            1,
            [reader(f"{work}/in"), steps.MinhashDedupFilter(f"{work}/remove"), writer(f"{work}/out", compression=None)],
        ),
    ]
    for number, (tasks, pipeline) in enumerate(stages):
        # A worker, where more are wanted, has no use but in the second stage: the texts are one file.
        executor(pipeline=pipeline, tasks=tasks, workers=1, logging_dir=f"{work}/logs/{number}").run()
    removed = work / "remove" / "000000.remove"
    return 0.0, sorted(place for (place,) in struct.iter_unpack("<I", removed.read_bytes())) if removed.exists() else []


class _Split:
    """In the place of datatrove's word tokeniser. The text has no punctuation any more when it gets there."""

    def word_tokenize(self, text: str) -> list[str]:
        return text.split()


def duplicates_datatrove_split(texts: list[str], folder: Path, processes: int) -> Result:
    """The same with words cut at spaces instead of by spaCy."""
    return duplicates_datatrove(texts, folder, processes, split=True)


# --- leakage ---------------------------------------------------------------------------------------------------------


def leakage_runs(texts: list[str], items: list[Item]) -> Result:
    """The first layer of exempla's gate: a run of eight words in common."""
    return _leakage(texts, items, scenes=False)


def leakage_gate(texts: list[str], items: list[Item]) -> Result:
    """The whole gate: a run in common, or a scene retold."""
    return _leakage(texts, items, scenes=True)


def _leakage(texts: list[str], items: list[Item], scenes: bool) -> Result:
    from exempla.records import Item as Measured
    from exempla.screening.gate import Context
    from exempla.screening.gates import leakage
    from exempla.screening.reading import Reading
    from exempla.screening.stage import context

    measured = tuple(map(Measured.model_validate, items))
    reference = context().reference if scenes else ()
    began = time.perf_counter()
    known = leakage.prepare(Context(items=measured, reference=reference))
    started = time.perf_counter() - began
    judge: Callable[..., str] = leakage.gate if scenes else leakage._shared_run
    return started, [n for n, text in enumerate(texts) if judge(Reading(_record(n, text)), known)]


def leakage_set(texts: list[str], items: list[Item], length: int = 13) -> Result:
    """A Python set of all runs of the items, and every run of every text looked up in it."""
    from exempla.screening.words import words

    began = time.perf_counter()
    known: set[tuple[str, ...]] = set()
    for item in items:
        for continuation in item["continuations"].values():
            known.update(_tuples(words(item["prefix"] + continuation), length))
    started = time.perf_counter() - began
    return started, [n for n, text in enumerate(texts) if not known.isdisjoint(_tuples(words(text), length))]


def _tuples(found: list[str], length: int) -> Iterable[tuple[str, ...]]:
    return zip(*(found[place:] for place in range(length)), strict=False)


def leakage_set_8(texts: list[str], items: list[Item]) -> Result:
    """The same with runs of eight words, as exempla's."""
    return leakage_set(texts, items, length=8)


def leakage_decontaminate(texts: list[str], items: list[Item]) -> Result:
    """AI2's decon with its defaults, from and to files, in one thread. A prefix is a question to it."""
    decon = importlib.import_module("decon")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("texts", "items", "report"):
            (folder / part).mkdir()
        with (folder / "texts" / "texts.jsonl").open("w", encoding="utf-8") as file:
            for text in texts:
                file.write(json.dumps({"text": text}) + "\n")
        rows = [(item["prefix"], answer) for item in items for answer in item["continuations"].values()]
        with (folder / "items" / "items.jsonl").open("w", encoding="utf-8") as file:
            for number, (question, answer) in enumerate(rows):
                row = {"eval_key": "exempla", "eval_instance_index": number, "doc_id": number, "split": "test"}
                file.write(
                    json.dumps(row | {"question": question, "answer": answer, "fingerprint": str(number)}) + "\n"
                )
        paths = [str(folder / part) for part in ("texts", "items", "report")]
        decon.detect(decon.Config(*paths, worker_threads=1))
        found = set()
        for report in (folder / "report").rglob("*.jsonl"):
            found |= {int(json.loads(line)["training_line"]) for line in report.read_text("utf-8").splitlines()}
    return 0.0, sorted(found)


# --- one side --------------------------------------------------------------------------------------------------------

DUPLICATES: dict[str, Callable[[list[str], Path, int], Result]] = {
    "exempla": duplicates_exempla,
    "exempla-memory": duplicates_memory,
    "datasketch": duplicates_datasketch,
    "datasketch-batch": duplicates_datasketch_batch,
    "datatrove": duplicates_datatrove,
    "datatrove-split": duplicates_datatrove_split,
}
LEAKAGE: dict[str, Callable[[list[str], list[Item]], Result]] = {
    "exempla-runs": leakage_runs,
    "exempla-gate": leakage_gate,
    "set-8": leakage_set_8,
    "set-13": leakage_set,
    "decontaminate": leakage_decontaminate,
}


def warm_up(name: str) -> None:
    """Load what a side needs before the clock starts."""
    libraries = {
        "exempla": ("exempla.screening.engine", "exempla.screening.gates.leakage", "exempla.screening.intake.shelf"),
        "set": ("exempla.screening.words",),
        "datasketch": ("datasketch", "exempla.screening.words"),
        "datatrove": ("datatrove.executor", "datatrove.pipeline.dedup.minhash", "datatrove.pipeline.readers", "spacy"),
        "decontaminate": ("decon",),
    }[name.split("-")[0]]
    for library in libraries:
        if not (library == "spacy" and name.endswith("split")):
            importlib.import_module(library)


def main() -> None:
    """Run one side and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", choices=[*DUPLICATES, *LEAKAGE])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    with (options.folder / "texts.jsonl").open(encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    warm_up(options.side)
    gc.collect()
    with tempfile.TemporaryDirectory(prefix="side-") as work:
        before = sum(os.times()[:4])
        if options.side in DUPLICATES:
            began = time.perf_counter()
            starting, found = DUPLICATES[options.side](texts, Path(work), options.processes)
        else:
            with (options.folder / "items.jsonl").open(encoding="utf-8") as file:
                items = [json.loads(line) for line in file]
            before = sum(os.times()[:4])
            began = time.perf_counter()
            starting, found = LEAKAGE[options.side](texts, items)
        seconds, cpu = time.perf_counter() - began, sum(os.times()[:4]) - before
    report = {"seconds": seconds, "cpu": cpu, "starting": starting, "found": found}
    sys.stdout.write("\n" + json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
