"""Which stories that an arm read lie nearest to what its subject said and did.

Near is by cosine of static embeddings (`exempla.embedding`): alike in what they are about, which is no proof that the
one taught the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exempla.embedding import Vectors, embed
from exempla.files import fingerprint, stream_lines, write_through
from exempla.records import Record
from exempla.runfolder import RunFolder
from exempla.verdicts import AnyAnswer
from exempla.viewing.answering.blocks import own_text

SHOWN = 5
BATCH = 500
"""Records that are embedded at once, so that a large corpus is never in memory as a whole."""


class Near(NamedTuple):
    """A record that the subject read."""

    record: str
    title: str
    corpus: str
    likeness: float
    """Cosine, from -1 to 1."""
    readings: int
    """How often it was read."""


class _Corpus(NamedTuple):
    ids: list[str]
    titles: list[str]
    corpora: list[str]
    vectors: Vectors


def nearest_records(run: RunFolder, times: Mapping[str, int], answer: AnyAnswer, cache: Path) -> list[Near]:
    """The records nearest to an answer among those that its subject read, the nearest first.

    Args:
        run: the run.
        times: how often its subject read each record, by id.
        answer: what is compared, by the words and acts of the agent alone.
        cache: the viewer's own folder; the vectors of all kept records are kept there.

    Raises:
        UserError: the vectors are not installed, or records cannot be read.
    """
    if not run.kept.is_file():
        return []
    corpus = _corpus(run, cache)
    likeness = corpus.vectors @ embed([own_text(answer).text])[0]
    order = [place for place in np.argsort(-likeness, kind="stable") if corpus.ids[place] in times]
    return [
        Near(
            corpus.ids[place],
            corpus.titles[place],
            corpus.corpora[place],
            float(likeness[place]),
            times[corpus.ids[place]],
        )
        for place in order[:SHOWN]
    ]


def _corpus(run: RunFolder, cache: Path) -> _Corpus:
    """All kept records as vectors: from the cache, or made and put there when the records have changed."""
    state = run.kept.stat()
    name = fingerprint("vectors 1", state.st_size, state.st_mtime_ns)[:16]
    told, table = cache / f"vectors-{name}.json", cache / f"vectors-{name}.npy"
    if told.is_file() and table.is_file():
        ids, titles, corpora = json.loads(told.read_text(encoding="utf-8"))
        return _Corpus(ids, titles, corpora, np.load(table, allow_pickle=False))
    found = _embedded(run)
    for old in cache.glob("vectors-*"):
        old.unlink(missing_ok=True)
    with write_through(table) as temporary, temporary.open("wb") as stream:
        np.save(stream, found.vectors, allow_pickle=False)
    with write_through(told) as temporary:
        temporary.write_text(json.dumps([found.ids, found.titles, found.corpora]), encoding="utf-8")
    return found


def _embedded(run: RunFolder) -> _Corpus:
    ids, titles, corpora = list[str](), list[str](), list[str]()
    parts: list[Vectors] = []
    texts: list[str] = []
    for record in stream_lines(run.kept, Record, torn=True):
        ids.append(record.id)
        titles.append(record.title)
        corpora.append(record.corpus)
        texts.append(record.taught_text())
        if len(texts) == BATCH:
            parts.append(embed(texts))
            texts = []
    return _Corpus(ids, titles, corpora, np.concatenate([*parts, embed(texts)]))
