"""What tokens cost: the table that ships, a user's own over it, and what is wrong with a table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exempla.errors import UserError
from exempla.models.prices import FREE, Price, Prices, read_prices

OWN = {"models": {"openai-api/loopback/m": {"input": 3, "output": 15}}}


def table(folder: Path, content: object) -> Path:
    path = folder / "prices.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_the_shipped_table_says_where_its_prices_are_from_and_they_are_plausible() -> None:
    prices = read_prices(None)
    assert prices.currency == "USD" and prices.source
    assert len(prices.date) == len("2026-11-25") and prices.date.count("-") == 2
    assert len(prices.models) >= 5
    for name, price in prices.models.items():
        assert "/" not in name, "one entry serves every provider that sells the model"
        assert 0 < price.input < price.output < 200, name
        assert price.cached_input is None or price.cached_input < price.input, name
        assert price.batch in (0.5, 1.0), name


def test_the_price_of_a_known_model_whatever_stands_before_and_behind_its_name() -> None:
    prices = read_prices(None)
    known = prices.models["claude-haiku-4-5"]
    for name in (
        "claude-haiku-4-5",
        "anthropic/claude-haiku-4-5",
        "openai-api/proxy/claude-haiku-4-5",
        "openrouter/anthropic/claude-haiku-4-5",
        "anthropic/claude-haiku-4-5-20251001",
        "anthropic/claude-haiku-4-5-2025-10-01",
        "anthropic/claude-haiku-4-5-latest",
    ):
        assert prices.of(name) == known, name
    for name in ("claude-haiku-4", "anthropic/claude-haiku-4-55", "claude-haiku-4-5x", "haiku-4-5", "gpt-5.5", ""):
        assert prices.of(name) is None, f"{name}: like another is not the same"


def test_the_longest_name_counts_first() -> None:
    cheap, dear, dated = (Price(input=price, output=price) for price in (1, 2, 3))
    prices = Prices(models={"m": cheap, "reseller/m": dear, "m-20250101": dated})
    assert prices.of("reseller/m") == dear
    assert prices.of("other/m") == cheap
    assert prices.of("other/m-20250101") == dated
    assert prices.of("other/m-20260101") == cheap


@pytest.mark.parametrize("name", ["exempla/embedded", "exempla//models/mine", "exempla/owner/claude-haiku-4-5"])
def test_a_model_in_this_process_costs_nothing(name: str) -> None:
    price = read_prices(None).of(name)
    assert price == FREE and price.cost(10**9, 10**9) == 0


def test_cost_by_hand() -> None:
    price = Price(input=2, output=10, cached_input=0.2, batch=0.5)
    assert price.cost(1_000_000, 0) == pytest.approx(2)
    assert price.cost(0, 1_000_000) == pytest.approx(10)
    assert price.cost(1000, 500) == pytest.approx(0.002 + 0.005)
    assert price.cost(1000, 500, cached=1000) == pytest.approx(0.0002 + 0.005)
    assert price.cost(1000, 500, cached=400) == pytest.approx(0.0012 + 0.00008 + 0.005)
    assert price.cost(1000, 500, batch=True) == pytest.approx(0.0035)
    assert Price(input=2, output=10).cost(1000, 500, cached=400) == pytest.approx(0.007), "no price for cached tokens"
    assert Price(input=2, output=10).cost(1000, 500, batch=True) == pytest.approx(0.007), "no batch mode"


@pytest.mark.parametrize("content", [OWN, OWN["models"]], ids=["whole", "bare"])
def test_a_table_of_ones_own_lies_over_the_shipped_one(tmp_path: Path, content: object) -> None:
    prices = read_prices(table(tmp_path, content))
    assert prices.of("openai-api/loopback/m") == Price(input=3, output=15)
    assert prices.of("claude-haiku-4-5") == read_prices(None).of("claude-haiku-4-5")
    assert prices.date == "", "the shipped date says nothing of a user's prices"


def test_a_shipped_price_can_be_corrected(tmp_path: Path) -> None:
    prices = read_prices(table(tmp_path, {"models": {"claude-haiku-4-5": {"input": 7, "output": 8}}}))
    assert prices.of("anthropic/claude-haiku-4-5-20251001") == Price(input=7, output=8)


def test_dollars_are_not_taken_for_another_currency(tmp_path: Path) -> None:
    prices = read_prices(table(tmp_path, OWN | {"currency": "EUR", "date": "2026-11-01"}))
    assert (prices.currency, prices.date) == ("EUR", "2026-11-01")
    assert prices.of("openai-api/loopback/m") == Price(input=3, output=15)
    assert prices.of("claude-haiku-4-5") is None, "the shipped table is in dollars"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["not a price table", '"input": 3']),
        ("{", ["not a price table", '"output": 15']),
        ("7", ["not a price table"]),
        ("null", ["not a price table"]),
        ('["m"]', ["not a price table"]),
        ('"models"', ["not a price table"]),
        ({"models": {"m": {"input": 3}}}, ["not a price table", "output"]),
        ({"models": {"m": {"input": -3, "output": 15}}}, ["not a price table", "input", "greater than or equal to 0"]),
        ({"models": {"m": {"input": "dear", "output": 15}}}, ["not a price table", "input"]),
        ({"models": {"m": {"input": 3, "output": 15, "batch": 2}}}, ["not a price table", "batch"]),
        ({"models": {"m": {"input": 3, "output": 15, "reasoning": 4}}}, ["not a price table", "reasoning"]),
        ({"m": 3}, ["not a price table", "m"]),
        (OWN | {"curency": "EUR"}, ["not a price table", "curency"]),
    ],
)
def test_what_is_wrong_with_a_table_is_said_in_one_line(tmp_path: Path, content: object, words: list[str]) -> None:
    path = table(tmp_path, content)
    with pytest.raises(UserError) as caught:
        read_prices(path)
    told = str(caught.value)
    assert len(told.splitlines()) == 1
    for word in (str(path), *words):
        assert word in told, told


def test_a_table_that_cannot_be_read(tmp_path: Path) -> None:
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none.json", tmp_path, binary):
        with pytest.raises(UserError, match="cannot be read as a price table") as caught:
            read_prices(path)
        assert str(path) in str(caught.value) and len(str(caught.value).splitlines()) == 1
