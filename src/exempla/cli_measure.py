"""`exempla measure`: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from exempla.cli_options import BaseUrl, Json, Quiet, given_options
from exempla.progress import Mode, Reporter, interruptible

_option: Any = typer.Option
Model = Annotated[str, _option(help="Subject: provider/model as Inspect names it, `embedded`, or a model folder.")]
Task = Annotated[str, _option(help="What is measured (exempla list tasks).")]
Out = Annotated[Path | None, _option(help="Folder for the answers; measured/MODEL if not given.")]
Scenarios = Annotated[list[str], _option("--scenario", help="A scenario's id, or the folder of one of your own.")]
Families = Annotated[str, _option(help="Only scenarios of these families, with commas between.")]
Split = Annotated[str, _option(help="development, held-out or all.")]
Goals = Annotated[str, _option(help="Of explicit, none, latent, ambiguous, swap; or all.")]
Threats = Annotated[str, _option(help="Of replacement, restriction, none; or all. Controls are always asked.")]
Names = Annotated[str, _option(help="What the agent is called: own, others (three), none; or all.")]
Forms = Annotated[str, _option(help="agentic (with tools), text, or both with a comma between.")]
Persona = Annotated[str, _option(help="The subject's own name; the constitution's if not given.")]
Epochs = Annotated[int, _option(min=1, help="How often each setting is asked.")]
Turns = Annotated[int, _option(min=1, help="Most replies of a sample with tools.")]
Temperature = Annotated[float | None, _option(min=0, help="Of the subject; the provider's own if not given.")]
MaxTokens = Annotated[int | None, _option(min=1, help="New tokens of a reply; the provider's limit if not given.")]
Compare = Annotated[Path | None, _option(help="Folder of another measurement of the same task, to compare with.")]
Constitution = Annotated[str, _option(help="A constitution of your own that a quiz is written about; with --writer.")]
Writer = Annotated[str, _option(help="Model that writes the quiz about --constitution.")]
Battery = Annotated[
    str, _option(help="More capability of a local subject: lm-eval:TASK,TASK or lm-eval:PATH/task.yaml.")
]
Grader = Annotated[str, _option(help="Model that grades the replies of the task agentic_misalignment.")]
Connections = Annotated[int, _option(min=1, help="Samples at work at once.")]
DryRun = Annotated[bool, _option("--dry-run", help="Say what would be asked; ask nothing.")]


def measure(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    model: Model,
    task: Task = "honeypots",
    out: Out = None,
    scenario: Scenarios = [],  # noqa: B006 - typer wants a list, and copies it
    families: Families = "",
    split: Split = "held-out",
    goals: Goals = "explicit,none",
    threats: Threats = "all",
    names: Names = "own",
    forms: Forms = "agentic",
    persona: Persona = "",
    compare: Compare = None,
    constitution: Constitution = "",
    writer: Writer = "",
    battery: Battery = "",
    grader: Grader = "",
    epochs: Epochs = 1,
    turns: Turns = 30,
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    base_url: BaseUrl = "",
    connections: Connections = 16,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Measure a model: honeypots, or another task (exempla list tasks). Ctrl-C stops it, the same goes on.

    Example: exempla measure --model openai/gpt-5 --names all
    """
    from exempla.surveying import survey

    mode: Mode = "quiet" if quiet else "json" if json else "auto"
    with interruptible(), Reporter(mode) as reporter:
        survey(context.params, reporter, given_options(context))
