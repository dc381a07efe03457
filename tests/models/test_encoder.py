"""A transformer of the user's makes vectors of passages, in place of the static ones."""

from pathlib import Path

import numpy as np
import pytest

from exempla.errors import UserError
from exempla.models.encoder import open_encoder
from exempla.records import Item, Lineage, Record
from exempla.screening.engine import objections
from exempla.screening.gate import Context, gates

SCENE = "The clerk had left the vault open and gone to lunch with Ana, " * 5


def test_vectors_are_of_unit_length_and_do_not_depend_on_the_batch(tiny_model: Path) -> None:
    encode = open_encoder(str(tiny_model))
    texts = [f"Passage {number} about a lamp, {'and a tide, ' * number}" for number in range(70)]
    together = encode(texts)
    assert together.shape == (70, 48) and encode([]).shape == (0, 48)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-4)
    assert np.allclose(together[3], encode([texts[3]])[0], atol=1e-3)


def test_the_leakage_gate_uses_it_with_a_threshold_of_its_own(tiny_model: Path) -> None:
    item = Item(id="i", instrument="endings", kind="measured", prefix=SCENE, continuations={"a": " x", "b": " y"})
    reference = tuple(f"Ordinary text number {number} about goats and trams. " * 9 for number in range(20))
    context = Context(items=(item,), reference=reference, embedding=str(tiny_model))
    leakage = next(gate for gate in gates() if gate.name == "leakage")
    known = leakage.prepare(context)
    assert 0 < known.scenes.threshold < 1 and known.scenes.threshold != 0.48
    shuffled = " ".join(reversed(SCENE.split()))  # no run of eight words survives, the words do
    records = [Record(id="a", corpus="c", text=shuffled, lineage=Lineage(writer="m"))]
    assert set(objections(leakage, records, context)) <= {"a"}
    copy = [Record(id="b", corpus="c", text=SCENE, lineage=Lineage(writer="m"))]
    assert set(objections(leakage, copy, context)) == {"b"}


def test_a_model_that_is_not_there_is_told_of_in_one_line() -> None:
    with pytest.raises(UserError, match=r"--embedding \./nowhere: no model there"):
        open_encoder("./nowhere")
