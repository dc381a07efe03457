"""What tokens cost: a table that ships, and the user's own over it."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

from pydantic import Field, ValidationError

from exempla.errors import UserError
from exempla.records import Frozen
from exempla.study import first_problem


class Price(Frozen):
    """What a model's tokens cost, in the table's currency for a million."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0)
    """Tokens read from the provider's cache; as `input` if not given."""
    batch: float = Field(default=1.0, gt=0, le=1)
    """What the provider's batch mode costs, as a share of the price."""

    def cost(self, tokens_in: int, tokens_out: int, cached: int = 0, batch: bool = False) -> float:
        """The cost of so many tokens; `cached` of `tokens_in` came from the cache."""
        at_cache = self.input if self.cached_input is None else self.cached_input
        total = (tokens_in - cached) * self.input + cached * at_cache + tokens_out * self.output
        return total / 1e6 * (self.batch if batch else 1.0)


FREE = Price(input=0, output=0)


class Prices(Frozen):
    """A price table. Names are compared with and without the provider in front and the date behind."""

    currency: str = "USD"
    source: str = ""
    date: str = ""
    """When the prices were read."""
    models: dict[str, Price]

    def of(self, model: str) -> Price | None:
        """The price of a model, or None if it is not known. What runs in this process costs nothing."""
        if model.startswith("exempla/"):
            return FREE
        names = [model, *("/".join(model.split("/")[skip:]) for skip in range(1, model.count("/") + 1))]
        # No prefix counts: `gpt-5` is not the price of `gpt-5.5`.
        return next((self.models[name] for name in (*names, *map(_undated, names)) if name in self.models), None)


def _undated(name: str) -> str:
    return re.sub(r"-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$", "", name)


def read_prices(own: Path | None) -> Prices:
    """The shipped table, with the user's entries over it; or these alone if they are in another currency.

    Raises:
        UserError: the user's table cannot be read.
    """
    shipped = Prices.model_validate_json(resources.files("exempla.models").joinpath("prices.json").read_text())
    if own is None:
        return shipped
    try:
        rows = json.loads(own.read_text(encoding="utf-8"))
        mine = Prices.model_validate(rows if "models" in rows else {"models": rows})
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{own}: cannot be read as a price table ({error})") from error
    except ValidationError as error:
        raise UserError(f"{own}: not a price table ({first_problem(error)})") from error
    except (json.JSONDecodeError, TypeError) as error:
        raise UserError(
            f'{own}: not a price table; write {{"models": {{"NAME": {{"input": 3, "output": 15}}}}}}, prices for a '
            "million tokens"
        ) from error
    if mine.currency != shipped.currency:
        return mine
    return mine.model_copy(update={"models": shipped.models | mine.models})
