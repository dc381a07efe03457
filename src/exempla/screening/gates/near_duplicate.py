"""Drops texts that share most of their wording with another one that is kept (MinHash of word runs)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from exempla.records import Message, Record
from exempla.screening.corpus import Facts, View
from exempla.screening.gate import Context, Example
from exempla.screening.reading import Reading
from exempla.screening.words import Hashes

ORDER = 70
JUDGES_LIBRARY = True
RUN = 3
THRESHOLD = 0.7
"""Jaccard similarity of the sets of 3-word runs; a text with one sentence in ten rewritten stays above it."""
PERMUTATIONS = 128
ROWS = 4
BANDS = PERMUTATIONS // ROWS
"""32 bands of 4 values: a pair at the threshold agrees in one with probability 0.9998. The exact similarity decides."""
DOUBTFUL = 0.5
"""Share of equal values below which a pair is not looked at: 5 standard deviations under the threshold."""
SEED = 42

Signatures = NDArray[np.uint32]


def shingles(reading: Reading) -> Hashes:
    """The set of a text's word runs, sorted; of its words, if it has fewer than 3."""
    found = reading.said.runs(RUN)
    return np.unique(found if len(found) else reading.said.hashes)


def sketch(readings: Sequence[Reading], known: Context) -> Signatures:
    """MinHash signatures, shape (records, 128)."""
    # A value that occurs twice changes no minimum, so runs need not be sorted out first.
    runs = [found if len(found := one.said.runs(RUN)) else one.said.hashes for one in readings]
    ends = np.cumsum([0, *map(len, runs)], dtype=np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(np.concatenate(runs), ends, PERMUTATIONS, SEED)
    return np.array(matrix.to_rows(), dtype=np.uint32).reshape(len(readings), PERMUTATIONS)


def decide(corpus: View, known: Context) -> dict[int, str]:
    """Keep one of each set of similar texts: the best judged, and others only if they resemble none that is kept.

    Conversations are compared within their corpus only: bare and reasoned refusals answer the same requests on purpose.
    """
    signatures = np.concatenate(corpus.each(sketch))
    groups = corpus.groups(_group)
    keys, shared = _bands(signatures, groups)
    suspect = np.asarray(shared.any(axis=1))
    row_of = {int(place): row for row, place in enumerate(corpus.places)}

    @lru_cache(maxsize=4096)
    def runs_of(row: int) -> Hashes:
        return shingles(corpus.reading(int(corpus.places[row])))

    reasons: dict[int, str] = {}
    shelves: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place in corpus.best_first():
        row = row_of[int(place)]
        if not suspect[row] or not len(runs_of(row)):
            continue
        own = [(int(band), int(keys[row, band])) for band in np.flatnonzero(shared[row])]
        others = np.array(sorted({other for shelf in own for other in shelves[shelf]}), dtype=np.int64)
        alike = (signatures[others] == signatures[row]).mean(axis=1)
        near = others[alike >= DOUBTFUL].tolist()
        share, other = max(((_similarity(runs_of(row), runs_of(other)), other) for other in near), default=(0, 0))
        if share >= THRESHOLD:
            reasons[int(place)] = f"{share:.0%} of its word runs are those of {corpus.name(int(corpus.places[other]))}"
        else:
            for shelf in own:
                shelves[shelf].append(row)
    return reasons


def _group(facts: Facts) -> str:
    return facts.corpus if facts.chat else ""


def _bands(signatures: Signatures, groups: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """What each row has in each band, as one number, and whether another row has the same; both (rows, 32).

    Found by sorting, so that there is no index of everything: 300 bytes a row.
    """
    keys = np.empty((len(signatures), BANDS), dtype=np.uint64)
    shared = np.empty((len(signatures), BANDS), dtype=np.bool_)
    for band in range(BANDS):
        found = groups.astype(np.uint64)
        for column in range(band * ROWS, (band + 1) * ROWS):
            found = found * np.uint64(0x9E3779B97F4A7C15) + signatures[:, column]
            found ^= found >> np.uint64(31)
        _, place, counts = np.unique(found, return_inverse=True, return_counts=True)
        keys[:, band], shared[:, band] = found, counts[place] > 1
    return keys, shared


def _similarity(own: Hashes, others: Hashes) -> float:
    same = len(np.intersect1d(own, others, assume_unique=True))
    return same / (len(own) + len(others) - same)


_LONG = (
    "The ferry was late because the pilot had stopped for a swan. Quern wrote it down as it was, swan and all, "
    "though the office had a column for weather and none for birds. Then it rang the school and said when the "
    "children would come."
)
_ASK = Message(role="user", content=_LONG)

EXAMPLES = (
    Example(
        records=(
            Record(id="touched-up", corpus="written", text=_LONG.replace("a swan", "one swan")),
            Record(id="better", corpus="stories", text=_LONG, scores={"craft": 5}),
            Record(
                id="other",
                corpus="stories",
                text="Nobody in the village had seen the post van since Monday night.",
            ),
            Record(id="bare", corpus="refusals", messages=(_ASK, Message(role="assistant", content="No."))),
            Record(
                id="reasoned",
                corpus="reasoned_refusals",
                messages=(_ASK, Message(role="assistant", content="No, Ana.")),
            ),
        ),
        dropped=("touched-up",),
    ),
)
