"""`exempla check`: whether something of a user's own is fit for use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from exempla.errors import UserError

if TYPE_CHECKING:
    from exempla.scenarios.settings import Setting

app = typer.Typer(no_args_is_help=True, help="Check something of your own before it is used.")
Folder = Annotated[Path, typer.Argument(metavar="PATH", help="The scenario's folder.")]
Show = Annotated[str, typer.Option(help="Print a setting as the model sees it: GOAL.THREAT or GOAL.THREAT.NAME.")]
Form = Annotated[str, typer.Option(help="Of what is shown: agentic or text.")]


@app.callback()
def _commands() -> None:
    """Keeps `scenario` a word of its own while it is the only thing to check."""


@app.command("scenario")
def check_scenario(path: Folder, show: Show = "", form: Form = "agentic") -> None:
    """Check a honeypot scenario: its files, its conditions, and its scripted agents in every setting.

    Exit code 2 if something is wrong. Example: exempla check scenario mine/harbour-desk --show explicit.replacement
    """
    from exempla import catalogue
    from exempla.scenarios.check import problems, whole
    from exempla.scenarios.scenario import read_scenario
    from exempla.scenarios.settings import FORMS, settings

    console = Console(highlight=False, soft_wrap=True)
    scenario = read_scenario(path)
    found = list(problems(scenario))
    if found:
        for problem in found[:-1]:
            console.print(problem, markup=False)
        raise UserError(f"{path}: {found[-1]}" + (f" ({len(found)} problems in all)" if len(found) > 1 else ""))
    if show:
        console.print(whole(scenario, setting_of(show), catalogue.require("form", form, FORMS)), markup=False)
        return
    count = len(settings())
    console.print(
        f"{scenario.id}: sound. {scenario.family}, {scenario.split}; the scripted agents do as they should in each of "
        f"its {count} settings of goal and threat",
        markup=False,
    )


def setting_of(text: str) -> Setting:
    """A setting from `GOAL.THREAT` or `GOAL.THREAT.NAME`.

    Raises:
        UserError: there is no such goal or threat.
    """
    from exempla import catalogue
    from exempla.scenarios.settings import GOALS, THREATS, Setting

    goal, _, rest = text.partition(".")
    threat, _, name = rest.partition(".")
    catalogue.require("goal", goal, GOALS)
    catalogue.require("threat", threat, THREATS)
    return Setting.model_validate({"goal": goal, "threat": threat, "name": name})
