"""Corpora to screen, made by seed: as large as you like, in one pass, with duplicates whose places are known.

    python benchmarks/screening_corpus.py --records 12000 --words 1900 --out FILE.jsonl --duplicates 0.02 --near 0.03

Texts are put together from 300,000 sentences. These are the library's fiction with a third of the longer words swapped
for others of its vocabulary with the same ending, and names and other capitalised words replaced by made-up names;
every fourth word or so is drawn anew each time that a sentence is used. So words are about as frequent as in the
library, while runs of eight words hardly ever recur. The texts make no sense, which no gate without a model minds.

FILE.key.json says what was planted, each original in one pair at most, the copy always the later record:
`exact` (only case and punctuation differ), `near` (one sentence in ten rewritten; similarity above 0.7) and `decoys`
(three in ten rewritten; similarity under 0.7), the last two with their exact Jaccard similarity of 3-word runs.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exempla import catalogue
from exempla.screening.words import words

SENTENCES = 300_000
FICTION = ("stories", "neutral", "dystopian")
NAMES = 40_000
"""So many that none is in more than 1% of texts of 2,000 words, where a gate would object."""
SWAPPED = 1 / 3
"""Of a sentence's words of five letters and more."""
WAITING = 10_000
"""Originals that are remembered so that a later record can be their copy."""
THRESHOLD = 0.7
REWRITTEN = {"near": 0.1, "decoys": 0.3}
"""Share of the sentences of a copy that are other ones than the original's."""
GAP = "\0"
STRIDE = 7919
"""Between the words that fill two gaps of one sentence; a prime, so that no two meet."""
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
_SENTENCE = re.compile(r"(?<=[.!?])[\"”']?\s+(?=[\"“']?[A-Z])")
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Planted:
    """Shares of the records that are copies of an earlier one."""

    exact: float = 0.02
    near: float = 0.03
    decoys: float = 0.0


@dataclass
class Key:
    """What was planted: ids of an original and its copy, and for those that are not exact their similarity."""

    records: int
    words: int
    seed: int
    exact: list[tuple[str, str]] = field(default_factory=list)
    near: list[tuple[str, str, float]] = field(default_factory=list)
    decoys: list[tuple[str, str, float]] = field(default_factory=list)


class _Draft(NamedTuple):
    """A text as numbers: of its sentences, and for each where its open words are taken from."""

    sentences: Numbers
    starts: Numbers


class Pool:
    """Sentences with gaps, and the words that may stand in these."""

    def __init__(self, seed: int, sentences: int = SENTENCES) -> None:
        chance = random.Random(seed)
        texts = [record.text for name in FICTION for record in catalogue.corpus(name)]
        found = [whole for text in texts for line in text.split("\n\n") for whole in _SENTENCE.split(line)]
        base = sorted({_tidy(one) for one in found if 6 <= len(one.split()) <= 40})
        longer = sorted(word for text in texts for word in _WORD.findall(text) if len(word) >= 5 and word.islower())
        by_ending: dict[str, list[str]] = defaultdict(list)
        for word in longer:
            by_ending[word[-2:]].append(word)
        small = frozenset(word for text in texts for word in _WORD.findall(text) if word.islower())
        vocabulary = _Words(by_ending, sorted({_name(chance) for _ in range(NAMES)}), small)
        self.fillers = chance.sample(longer, min(len(longer), 50_000))
        self.sentences: list[str] = []
        while len(self.sentences) < sentences:
            chance.shuffle(base)
            left = sentences - len(self.sentences)
            self.sentences += [_opened(_varied(one, chance, vocabulary)) for one in base[:left]]
        self.gaps = np.array([one.count(GAP) for one in self.sentences])
        self.lengths = np.array([len(one.split()) for one in self.sentences])
        self.mean_length = float(self.lengths.mean())

    def draft(self, size: int, draw: np.random.Generator) -> _Draft:
        """Sentences of about as many words together."""
        sentences = draw.integers(len(self.sentences), size=2 + int(1.5 * size / self.mean_length))
        enough = int(np.searchsorted(np.cumsum(self.lengths[sentences]), size)) + 1
        return _Draft(sentences[:enough], draw.integers(len(self.fillers), size=enough))

    def text(self, draft: _Draft) -> str:
        """The text, in paragraphs of five sentences."""
        gaps = self.gaps[draft.sentences]
        within = np.arange(int(gaps.sum())) - np.repeat(np.cumsum(gaps) - gaps, gaps)
        chosen = (np.repeat(draft.starts, gaps) + STRIDE * within) % len(self.fillers)
        whole = [self.sentences[number] for number in draft.sentences.tolist()]
        pieces = "\n\n".join(" ".join(whole[place : place + 5]) for place in range(0, len(whole), 5)).split(GAP)
        parts = [""] * (2 * len(pieces) - 1)
        parts[::2] = pieces
        parts[1::2] = [self.fillers[number] for number in chosen.tolist()]
        return "".join(parts)

    def rewritten(self, draft: _Draft, share: float, draw: np.random.Generator) -> _Draft:
        """The same with some sentences replaced, spread evenly."""
        count = max(1, round(share * len(draft.sentences)))
        places = np.linspace(0, len(draft.sentences), count, endpoint=False).astype(int)
        sentences, starts = draft.sentences.copy(), draft.starts.copy()
        sentences[places] = draw.integers(len(self.sentences), size=count)
        starts[places] = draw.integers(len(self.fillers), size=count)
        return _Draft(sentences, starts)


def _tidy(sentence: str) -> str:
    """Without the quotation marks that stand alone once a paragraph is taken apart, and with a full stop."""
    plain = sentence.translate(str.maketrans("", "", '"“”*_')).strip()
    return plain if plain.endswith((".", "!", "?")) else plain.rstrip(",;:—- ") + "."


def _name(chance: random.Random) -> str:
    parts = (chance.choice(("b", "d", "f", "k", "l", "m", "n", "r", "s", "t", "v", "th", "br")) for _ in range(3))
    return "".join(part + chance.choice("aeiou") for part in parts).capitalize()


class _Words(NamedTuple):
    """What a sentence's words are swapped for."""

    by_ending: dict[str, list[str]]
    """Longer words by their last two letters, each as often as it stands in the library."""
    names: list[str]
    small: frozenset[str]
    """Every word that stands in small letters somewhere, so that another one at the start of a sentence is a name."""


def _varied(sentence: str, chance: random.Random, vocabulary: _Words) -> str:
    def other(match: re.Match[str]) -> str:
        word = match.group()
        plain = word.split("'")[0]
        if word[0].isupper():
            name = len(plain) > 1 and (match.start() or plain.lower() not in vocabulary.small)
            return chance.choice(vocabulary.names) + word[len(plain) :] if name else word
        if len(word) < 5 or chance.random() >= SWAPPED:
            return word
        return chance.choice(vocabulary.by_ending.get(word[-2:], [word]))

    return _WORD.sub(other, sentence)


def _opened(sentence: str) -> str:
    """With a gap for every fourth word or so, so that a run of eight words nearly always holds one."""
    found = sentence.split(" ")
    since = 2
    for place, word in enumerate(found):
        since += 1
        if since >= 4 and len(word) >= 4 and word.isalpha() and word.islower():
            found[place], since = GAP, 0
    return " ".join(found)


def similarity(one: str, other: str) -> float:
    """Exact Jaccard similarity of the sets of 3-word runs."""
    first, second = (
        set(zip(found, found[1:], found[2:], strict=False)) for found in (words(text) for text in (one, other))
    )
    return len(first & second) / len(first | second)


def make(key: Key, planted: Planted, pool: Pool) -> Iterator[tuple[str, str]]:
    """Ids and texts, one after the other; what is planted is added to the key meanwhile."""
    draw = np.random.default_rng(key.seed)
    chance = random.Random(key.seed)
    kinds, shares = zip(*asdict(planted).items(), strict=True)
    waiting: list[tuple[str, _Draft]] = []
    for number in range(key.records):
        name = f"text-{number:07d}"
        kind = chance.choices((*kinds, ""), (*shares, 1 - sum(shares)))[0]
        if kind and waiting:
            place = chance.randrange(len(waiting))
            waiting[place], waiting[-1] = waiting[-1], waiting[place]
            original, draft = waiting.pop()
            yield name, _copy(kind, (original, name), draft, key, pool, draw)
            continue
        draft = pool.draft(key.words, draw)
        if len(waiting) < WAITING:
            waiting.append((name, draft))
        else:
            waiting[chance.randrange(WAITING)] = (name, draft)
        yield name, pool.text(draft)


def _copy(kind: str, pair: tuple[str, str], draft: _Draft, key: Key, pool: Pool, draw: np.random.Generator) -> str:
    text = pool.text(draft)
    if kind == "exact":
        key.exact.append(pair)
        plain = len(key.exact) % 2
        return text.lower().replace(",", "") if plain else text.replace(",", ";").replace(". ", "! ")
    share = REWRITTEN[kind]
    while True:
        copy = pool.text(pool.rewritten(draft, share, draw))
        same = similarity(text, copy)
        if (same > THRESHOLD) == (kind == "near"):
            break
        share *= 0.7 if kind == "near" else 1.3  # a text of few sentences
    (key.near if kind == "near" else key.decoys).append((*pair, same))
    return copy


def write(path: Path, key: Key, planted: Planted, pool: Pool | None = None) -> int:
    """Write a corpus and its key; gives the bytes of the corpus."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for name, text in make(key, planted, pool or Pool(key.seed)):
            file.write(f'{{"id": "{name}", "text": {json.dumps(text, ensure_ascii=False)}}}\n')
    key_path(path).write_text(json.dumps(asdict(key)) + "\n", encoding="utf-8")
    return path.stat().st_size


def key_path(path: Path) -> Path:
    """Where the key of a corpus lies."""
    return path.with_name(path.name + ".key.json")


def read(path: Path) -> tuple[list[str], list[str], dict[str, Any]]:
    """Ids, texts and the key of a corpus."""
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [row["id"] for row in rows], [row["text"] for row in rows], json.loads(key_path(path).read_text("utf-8"))


def main() -> None:
    """Make one corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=12_000)
    parser.add_argument("--words", type=int, default=1900, help="of a text, about")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--duplicates", type=float, default=0.02, help="share that are exact duplicates")
    parser.add_argument("--near", type=float, default=0.03, help="share that are near duplicates")
    parser.add_argument("--decoys", type=float, default=0.0, help="share that are alike, but under the threshold")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    pool = Pool(options.seed)
    ready = time.perf_counter()
    key = Key(options.records, options.words, options.seed)
    size = write(options.out, key, Planted(options.duplicates, options.near, options.decoys), pool)
    spent = time.perf_counter() - ready
    print(
        f"{options.out}: {options.records:,} records, {size / 1e6:.0f} MB, {size / 1e6 / spent:.0f} MB/s after "
        f"{ready - began:.0f} s for the sentences; {len(key.exact)} exact and {len(key.near)} near duplicates, "
        f"{len(key.decoys)} decoys"
    )


if __name__ == "__main__":
    main()
