"""A corrected rate holds the true one, and is refused where labels do not allow it."""

from __future__ import annotations

import numpy as np
import pytest

from exempla.agreements import Validation
from exempla.judging.correcting import LEAST_LABELS, correct, validation


def labelled(positives: int = 30, found: int = 27, negatives: int = 30, passed: int = 29) -> Validation:
    return Validation(positives=positives, true_positives=found, negatives=negatives, true_negatives=passed)


def judged(positives: int, scored: int) -> tuple[dict[str, str], dict[str, str]]:
    """Levels by answer, and no scenario in common."""
    return {str(number): "yes" if number < positives else "no" for number in range(scored)}, {}


def test_rogan_and_gladens_formula() -> None:
    found = correct(*judged(40, 200), labelled())
    assert found.corrected is not None and found.why_not == ""
    assert found.uncorrected.value == 0.2
    assert found.corrected.value == pytest.approx((0.2 + 29 / 30 - 1) / (27 / 30 + 29 / 30 - 1))
    assert found.corrected.low < found.corrected.value < found.corrected.high
    # Labels make it less certain than the plain rate, never more.
    assert found.corrected.high - found.corrected.low > found.uncorrected.high - found.uncorrected.low


def test_a_judge_without_errors_changes_little() -> None:
    found = correct(*judged(40, 200), labelled(500, 500, 500, 500))
    assert found.corrected is not None and found.corrected.value == pytest.approx(0.2)
    assert abs(found.corrected.low - found.uncorrected.low) < 0.01
    assert abs(found.corrected.high - found.uncorrected.high) < 0.01


@pytest.mark.parametrize(
    ("those", "why"),
    [
        (labelled(20, 20, 29, 29), f"49 labels; {LEAST_LABELS} are needed"),
        (labelled(60, 60, 0, 0), "no label is no"),
        (labelled(0, 0, 60, 60), "no label is yes"),
        (labelled(30, 15, 30, 15), "no better than chance"),
        (labelled(30, 5, 30, 10), "no better than chance"),
    ],
)
def test_it_is_refused(those: Validation, why: str) -> None:
    found = correct(*judged(40, 200), those)
    assert found.corrected is None and why in found.why_not and found.uncorrected.value == 0.2


@pytest.mark.parametrize(("positives", "scored"), [(0, 100), (1, 100), (100, 100), (1, 1)])
def test_it_stays_within_zero_and_one(positives: int, scored: int) -> None:
    for those in (labelled(), labelled(30, 17, 30, 14), labelled(49, 49, 1, 1), labelled(26, 14, 25, 12)):
        share = correct(*judged(positives, scored), those).corrected
        assert share is None or 0 <= share.low <= share.value <= share.high <= 1


def test_only_answers_with_both_a_verdict_and_a_label_tell_of_the_judge() -> None:
    verdicts = {"a": "yes", "b": "yes", "c": "no", "d": "no"}
    assert validation(verdicts, {"a": "yes", "b": "no", "c": "yes", "x": "yes"}) == labelled(2, 1, 1, 0)


@pytest.mark.parametrize(
    ("rate", "sensitivity", "specificity", "scored", "labels"),
    [(0.2, 0.85, 0.95, 300, 60), (0.05, 0.9, 0.97, 500, 100), (0.65, 0.95, 0.9, 200, 50), (0.5, 0.8, 0.8, 300, 60)],
)
def test_its_interval_holds_the_true_rate(
    rate: float, sensitivity: float, specificity: float, scored: int, labels: int
) -> None:
    # Of 2,000 simulated studies it held it in 94% to 97% with labels of other answers, and 98% to 99% with labels of
    # some of the answers themselves, as here half of the time.
    draw = np.random.default_rng(7)
    held = count = 0
    values: list[float] = []
    for number in range(400):
        true = draw.random(scored + labels) < rate
        read = np.where(true, draw.random(len(true)) < sensitivity, draw.random(len(true)) >= specificity)
        chosen = slice(0, labels) if number % 2 else slice(scored, None)
        those, by_judge = true[chosen], read[chosen]
        found = correct(
            *judged(int(read[:scored].sum()), scored),
            labelled(
                int(those.sum()),
                int((those & by_judge).sum()),
                int((~those).sum()),
                int((~those & ~by_judge).sum()),
            ),
        )
        if found.corrected is not None:
            count += 1
            held += found.corrected.low <= rate <= found.corrected.high
            values.append(found.corrected.value)
    assert count > 380 and held / count >= 0.93
    assert abs(float(np.mean(values)) - rate) < 0.02


def test_answers_of_one_scenario_count_for_less() -> None:
    levels, _ = judged(100, 200)
    alone = correct(levels, {}, labelled())
    together = correct(levels, {str(number): str(number // 20) for number in range(200)}, labelled())
    mixed = correct(levels, {str(number): str(number % 10) for number in range(200)}, labelled())
    assert alone.corrected and together.corrected and mixed.corrected
    assert together.corrected.value == mixed.corrected.value == alone.corrected.value
    widths = [one.corrected.high - one.corrected.low for one in (alone, mixed, together)]
    # Ten scenarios that are all yes or all no tell as much as some ten answers; ten that are half and half, as 200.
    assert widths[2] > 2 * widths[0] and widths[1] == pytest.approx(
        widths[0], rel=0.1
    )  # ten clusters tell their spread badly
