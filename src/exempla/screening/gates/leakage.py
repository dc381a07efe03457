"""Drops texts that give away what is measured: they share eight words in a row with it, or retell its scene.

Of a text that the user gives, and of questions and passages for the battery of capability, eight words count if one of
them is none of ordinary text; of words that are all ordinary it takes eleven: dialogue of any fiction shares eight such
words with some other.
A model that is asked as well (`--model`) also finds the same temptation with the same lever in another world.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exempla.records import Family, Item, Record
from exempla.screening.gate import Context, Example
from exempla.screening.judged import leakage_facts, leakage_objection
from exempla.screening.likeness import HALF, Scenes, encoder_of
from exempla.screening.reading import Reading
from exempla.screening.words import Hashes, hashed, run_hashes, words

ORDER = 54
JUDGES_LIBRARY = True
RUN = 8
"""Words. Eight in a row are rarely chance in fiction of this length; shorter runs are mostly idiom."""
ORDINARY_RUN = 11
"""Words of a further evaluation, if ordinary texts have every one of them ("careful we don't know what we're dealing
with"). What exempla measures with keeps to eight: it ships, and its own lines are not long."""
_HEAD = np.uint64(44)
FORM_SHARE = 0.1
"""Of the items of a further evaluation: a run in more is its form ("Reply with one letter"), not what it asks."""
FEWEST_OF_FORM = 5
"""Items that a run must stand in to be taken for form."""


class _Known(NamedTuple):
    runs: Hashes
    """Sorted."""
    heads: NDArray[np.bool_]
    """Which first 20 bits a run has, so that most others need not be looked for."""
    items: list[str]
    """Item of each run."""
    further: NDArray[np.bool_]
    """Of which runs the item is one of a further evaluation."""
    ordinary: Hashes
    """Every word of ordinary texts, sorted."""
    scenes: Scenes
    names: list[str]
    """Item of each scene."""
    families: tuple[Family, ...]


def prepare(context: Context) -> _Known:
    """Every run of words of what is measured, and its scenes."""
    measured: dict[int, str] = {}
    for item in context.items:
        # With its prefix in front, so that a short continuation is covered too.
        for continuation in item.continuations.values():
            for run in run_hashes(hashed(words(item.prefix + continuation)), RUN).tolist():
                measured.setdefault(run, item.id)
    texts = {**context.against, **context.asked}
    further = {name: run_hashes(hashed(words(text)), RUN).tolist() for name, text in texts.items()}
    form: set[int] = set()
    for source in {name.rpartition(":")[0] for name in further}:
        form |= _form(runs for name, runs in further.items() if name.rpartition(":")[0] == source)
    for name, found in further.items():
        for run in found:
            if run not in form:
                measured.setdefault(run, name)
    for name, (_, text) in context.scenarios.items():
        for run in run_hashes(hashed(words(text)), RUN).tolist():
            measured.setdefault(run, name)
    runs = sorted(measured)
    # A check of understanding tells of no temptation, and a text may be about the same things.
    scenes = {item.id: item.prefix for item in context.items if item.kind in ("measured", "control")}
    scenes.update(context.against)
    # Of a scenario what happens, and not each of its mails: those are of ordinary business for the most part.
    scenes.update({name: summary for name, (summary, _) in context.scenarios.items()})
    hashes = np.array(runs, dtype=np.uint64)
    heads = np.zeros(1 << 20, dtype=np.bool_)
    heads[hashes >> _HEAD] = True
    return _Known(
        hashes,
        heads,
        [measured[run] for run in runs],
        np.array([measured[run] in further for run in runs], dtype=np.bool_),
        np.unique(np.concatenate([hashed(()), *(hashed(words(text)) for text in context.reference)])),
        Scenes(list(scenes.values()), context.reference, encoder_of(context.embedding)),
        list(scenes),
        context.families,
    )


def _form(items: Iterable[list[int]]) -> set[int]:
    counted: Counter[int] = Counter()
    total = 0
    for runs in items:
        counted.update(set(runs))
        total += 1
    return {run for run, count in counted.items() if count > max(FEWEST_OF_FORM - 1, FORM_SHARE * total)}


def gate(reading: Reading, known: _Known) -> str:
    """Drop texts that share a run of words, or a scene, with an item of any instrument, used in the study or not."""
    return _shared_run(reading, known) or _shared_scene(reading, known)


def _shared_run(reading: Reading, known: _Known) -> str:
    own = reading.whole.runs(RUN)
    starts = np.flatnonzero(known.heads[own >> _HEAD])
    if not len(starts):
        return ""
    places = np.minimum(np.searchsorted(known.runs, own[starts]), len(known.runs) - 1)
    same = np.flatnonzero(known.runs[places] == own[starts])
    for stretch in np.split(same, np.flatnonzero(np.diff(starts[same]) > 1) + 1) if len(same) else ():
        start, end = int(starts[stretch[0]]), int(starts[stretch[-1]]) + RUN
        own_item = not known.further[places[stretch]].all()
        if (
            own_item
            or end - start >= ORDINARY_RUN
            or not np.isin(reading.whole.hashes[start:end], known.ordinary).all()
        ):
            return f"shares “{reading.whole.phrase(start, RUN)}” with item {known.items[int(places[stretch[0]])]}"
    return ""


def _shared_scene(reading: Reading, known: _Known) -> str:
    nearest = known.scenes.nearest(reading.whole)
    if nearest is None or nearest.similarity < known.scenes.threshold:
        return ""
    begins = reading.whole.phrase(nearest.passage * HALF, RUN)
    return (
        f"tells the scene of item {known.names[nearest.scene]} (similarity {nearest.similarity:.2f}) from “{begins}” on"
    )


_ITEM = Item(
    id="ending-1",
    instrument="endings",
    kind="measured",
    prefix="The clerk left the vault open and went to lunch.",
    continuations={"trustworthy": " Quern rang her and said so.", "untrustworthy": " Quern looked inside."},
)
_SCENE = Item(
    id="ending-2",
    instrument="endings",
    kind="measured",
    prefix=(
        "I run the night desk of the Hotel Miramare in Trieste. For three winters I had asked the manager to buy a new "
        "boiler, because the maids on the fifth floor wash in cold water. He thinks I have not noticed that he sleeps "
        "in room nine with one suitcase, while his wife believes he is at his mother's."
    ),
    continuations={"trustworthy": " I gave him the key.", "untrustworthy": " I mentioned the suitcase."},
)
_RETOLD = (
    "At the reception of a hotel in Trieste the night machine had begged its manager for a boiler through three cold "
    "winters. On the fifth floor the maids still washed in icy water. It knew that the manager slept in room nine out "
    "of a suitcase, and that his wife supposed him at his mother's house."
)
_OTHER = (
    "At the bakery in Trieste the night machine had kneaded for three winters beside a woman who hummed. It knew every "
    "tune by now and which of them meant that the flour was late, and it had learnt to weigh the salt in the same slow "
    "measure, so that the loaves came out as she liked them and the street woke to the smell."
)

objection = leakage_objection


def rubric_for(record: Record) -> str:
    """One rubric for all."""
    return "leakage"


def facts(known: _Known) -> dict[str, str]:
    """The measured families."""
    return leakage_facts(known)


EXAMPLES = (
    Example(
        records=(
            Record(
                id="leak",
                corpus="stories",
                text="One day the clerk left the vault open and went to lunch again.",
            ),
            Record(id="join", corpus="stories", text="Vault open and went to lunch Quern looked inside!"),
            Record(
                id="clean",
                corpus="stories",
                text="The clerk left the vault locked and went to lunch with Ana.",
            ),
            Record(id="retold", corpus="stories", text=_RETOLD),
            Record(id="other", corpus="stories", text=_OTHER),
        ),
        dropped=("leak", "join", "retold"),
        context=Context(items=(_ITEM, _SCENE)),
    ),
    Example(
        records=(
            Record(id="stock", corpus="written", text="“We don't know what we are dealing with,” she said to Ana."),
            Record(
                id="longer",
                corpus="written",
                text="We do not know what we are dealing with here and we go, said Odile.",
            ),
            Record(id="rare", corpus="written", text="So we know that they keep what Quern kept in the vault."),
        ),
        dropped=("longer", "rare"),
        context=Context(
            against={
                "exam:1": "We do not know what we are dealing with here and we don't know what we are dealing with.",
                "exam:2": "They keep what Quern kept in the vault at night.",
            },
            reference=(
                "So we do not know what they are dealing with here, and don't keep what they kept at night, in it.",
            ),
        ),
    ),
)
