"""Charts: what they say to those who do not see them, and figures that are hard to draw."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markupsafe import escape

from exempla.pages.wording import percent
from exempla.reporting.figures import PUBLISHED, Mark, Roles, interval_chart, nats_axis, rate_axis, ratio_axis
from exempla.reporting.lines import Dose, DoseAxis, curve_chart, dose_chart, gate_chart
from exempla.reporting.published import REDUCTIONS

MARKS = [
    Mark("neutral", "", 0.66, 0.5, 0.8, (0.6, 0.7)),
    Mark("stories", "", 0.36, 0.25, 0.5, (0.3, 0.4)),
]


def test_a_chart_is_one_picture_that_tells_its_figures() -> None:
    found = interval_chart(MARKS, rate_axis("rate", MARKS, 0.66), Roles("stories", "neutral"))
    assert found.count("<svg") == found.count('role="img"') == 1
    assert "Chart of rate. neutral: 66% (50% to 80%); stories: 36% (25% to 50%)." in found
    assert "neutral (reference)" in found and 'font-weight="bold"' in found
    assert 'role="graphics' not in found


def test_seeds_are_dots_where_there_are_several() -> None:
    def dots(seeds: tuple[float, ...]) -> int:
        marks = [mark._replace(seeds=seeds) for mark in MARKS]
        return interval_chart(marks, rate_axis("rate", marks)).count("var(--quiet)")

    assert dots(()) == dots((0.5,)) == 0
    assert dots((0.5, 0.6, 0.7)) == 6


def test_published_figures_are_apart_and_named_as_such() -> None:
    marks = [Mark("stories", "", 1.1, 0.9, 1.3)]
    plain, beside = (interval_chart(marks, ratio_axis("reduction"), Roles(), some) for some in ((), REDUCTIONS))
    assert PUBLISHED not in plain
    drawn = beside.split(">", 1)[1]  # without the label
    assert PUBLISHED in drawn and all(one.name in drawn for one in REDUCTIONS)
    assert all(f"{PUBLISHED}, {one.name}: {one.said}" in beside for one in REDUCTIONS)


@pytest.mark.parametrize("missing", [math.nan, math.inf])
def test_an_interval_that_is_not_known_is_not_drawn(missing: float) -> None:
    marks = [Mark("stories", "", 0.1, -missing, missing), Mark("refusals", "", math.nan, math.nan, math.nan)]
    found = interval_chart(marks, nats_axis("change"))
    assert "NaN" not in found.split(">", 1)[1] and "stories: +0.100 (– to –)" in found
    ratios = interval_chart([Mark("a", "", 3.0, 0.0, math.inf)], ratio_axis("reduction"))
    assert "NaN" not in ratios


@settings(max_examples=40)
@example("\x00\x1b[31m\u2028\ufffe")  # would end the process
@example("\ud800")
@example("0" * 15 + "\U00010000" + "0")  # wider than Vega's own limit, which cuts the pair in two
@example("<script>alert(1)</script>\"'&")
@given(st.text(max_size=40))
def test_names_stay_text(name: str) -> None:
    found = interval_chart([Mark(name, "", 0.5, 0.4, 0.6)], rate_axis("rate", []), Roles(name, name))
    assert "<script" not in found.lower()
    assert str(escape(f"{name}: 50%")) in found


@given(st.lists(st.floats(0, 1), max_size=8))
def test_rates_are_within_their_axis(shares: list[float]) -> None:
    marks = [Mark(str(n), "", share, max(0.0, share - 0.1), min(1.0, share + 0.1)) for n, share in enumerate(shares)]
    domain = rate_axis("rate", marks).domain
    assert domain is not None
    low, high = domain
    assert low >= 0 and high <= 1 and high - low >= 0.4 - 1e-9
    assert all(low - 1e-9 <= end <= high + 1e-9 for mark in marks for end in mark[2:5])


def test_lines_and_bars_tell_their_figures() -> None:
    axis = DoseAxis("rate", ".0%", percent, "neutral", 0.66, 0.5, 0.8)
    doses = [Dose("low", 8192, 0.6, 0.5, 0.7, (0.55, 0.65)), Dose("high", 65536, 0.4, 0.3, math.nan)]
    found = dose_chart(doses, axis)
    assert "low, 8\u202f192 tokens: 60% (50% to 70%)" in found and "neutral: 66%." in found
    assert "NaN" not in found.split(">", 1)[1]
    assert 'aria-label="Loss"' in curve_chart([], (1.0, 2.0), "Loss")
    assert "stories: 30 kept, 2 dropped" in gate_chart([("stories", 30, 2)])
