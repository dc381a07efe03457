"""`exempla write`: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from exempla.cli_options import BaseUrl, Json, Quiet

_option: Any = typer.Option
Recipe = Annotated[str, typer.Argument(help="What to write: stories, advice ... (exempla list recipes).")]
Number = Annotated[int, _option("--n", help="How many texts.")]
Model = Annotated[str, _option(help="Writer: embedded, a model folder, or provider/model as Inspect names it.")]
Out = Annotated[Path | None, _option(help="Corpus folder; corpora/RECIPE if not given.")]
Constitution = Annotated[str, _option(help="Markdown or text file; the one that ships if not given.")]
Judge = Annotated[str, _option(help="Model that scores; the writer if not given.")]
Budget = Annotated[float | None, _option(min=0, help="Stop before this much money is spent.")]
MaxTokensTotal = Annotated[int | None, _option(min=1, help="Stop before so many tokens are read and written.")]
MaxRequests = Annotated[int | None, _option(min=1, help="Stop before so many requests are answered or given up.")]
DryRun = Annotated[bool, _option("--dry-run", help="Show requests, tokens, cost, time; send nothing.")]
Connections = Annotated[int | None, _option(min=1, help="Requests in flight; 64, or 32 for local models.")]
Batch = Annotated[bool, _option("--batch", help="The provider's batch mode: about half the price, up to a day a step.")]
Reasoning = Annotated[str, _option(help="Effort of models that reason: none, minimal, low, medium, high, xhigh, max.")]
Prices = Annotated[Path | None, _option(help="Price table over the shipped one (JSON).")]
Prompts = Annotated[Path | None, _option(help="Folder with your prompts, pools, rubrics over the shipped ones.")]
Source = Annotated[str, _option("--from", help="Corpus whose prompts are built on: a folder, or one that ships.")]
Steps = Annotated[str, _option(help="Only these steps of the recipe, for instance draft,rewrite.")]
Style = Annotated[Literal["auto", "chat", "continue"], _option(help="Chat, or continue a framing text.")]
Words = Annotated[int | None, _option(min=20, help="Median length wanted, in words.")]
MaxTokens = Annotated[int | None, _option(min=1, help="Longest reply, in tokens.")]
Temperature = Annotated[float | None, _option(min=0, help="Of the writer; a judge has 0.")]
Language = Annotated[str, _option(help="ISO code; replies in another are asked for again. Empty: any.")]
Seed = Annotated[int, _option(help="Draws the plans.")]
MeasureEvery = Annotated[int, _option(min=0, help="Kept texts between two measurements of diversity; 0: none.")]
Retries = Annotated[int, _option(min=0, help="How often a failed request is sent again, with growing pauses.")]
Timeout = Annotated[int, _option(min=1, help="Seconds that a request may take.")]
Screen = Annotated[bool, _option("--screen/--no-screen", help="Pass the texts through the gates at the end.")]


def write(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    recipe: Recipe,
    n: Number,
    model: Model,
    out: Out = None,
    constitution: Constitution = "default",
    judge: Judge = "",
    budget: Budget = None,
    max_tokens_total: MaxTokensTotal = None,
    max_requests: MaxRequests = None,
    dry_run: DryRun = False,
    base_url: BaseUrl = "",
    connections: Connections = None,
    batch: Batch = False,
    reasoning: Reasoning = "",
    prices: Prices = None,
    prompts: Prompts = None,
    source: Source = "",
    steps: Steps = "",
    style: Style = "auto",
    words: Words = None,
    max_tokens: MaxTokens = None,
    temperature: Temperature = None,
    language: Language = "en",
    seed: Seed = 0,
    measure_every: MeasureEvery = 300,
    retries: Retries = 5,
    timeout: Timeout = 600,
    screen: Screen = True,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Write a corpus with any model; Ctrl-C stops it, the same command goes on.

    Example: exempla write stories --n 24 --model embedded
    """
    from exempla.carrying_out import carry_out  # Inspect takes a second to load, which other commands need not wait for

    code = carry_out(context.params)
    if code:
        raise typer.Exit(code)
