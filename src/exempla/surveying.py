"""What `exempla measure` does: asks a model, and tells the rates."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from exempla import catalogue
from exempla.answers import AgentAnswer
from exempla.errors import UserError
from exempla.machine import describe_machine
from exempla.manifest import provenance
from exempla.measuredfolder import Measured, MeasuredFolder
from exempla.measuring.honeypots.rates import Rate, Summary, summaries
from exempla.measuring.honeypots.run import Sampling, ask, open_samples
from exempla.measuring.honeypots.selection import Asked, Selection, asked, read_selection
from exempla.models.identity import full_name, identity
from exempla.models.request import Connection
from exempla.models.talk import knock, open_speaker
from exempla.progress import Reporter
from exempla.runfolder import hold, open_folder

TASKS = {"honeypots": "an agent at work in a simulated workplace where a wrong act tempts it"}


def survey(options: Mapping[str, Any], reporter: Reporter) -> None:
    """Ask what the options ask for, and tell what it comes to.

    Raises:
        UserError: something in them is wrong, or the model cannot be asked.
    """
    catalogue.require("task", options["task"], TASKS)
    selection = selection_of(options)
    chosen = asked(selection)
    name = full_name(options["model"])
    folder = MeasuredFolder(options["out"] or Path("measured") / _slug(name))
    if options["dry_run"]:
        left = open_samples(folder, chosen) if folder.about.exists() else chosen
        reporter.say(
            f"{_counted(chosen)}; {len(chosen) - len(left)} answered already", event="plan", samples=len(chosen)
        )
        return
    sampling = Sampling.model_validate({key: options[key] for key in ("turns", "temperature", "max_tokens")})
    connection = Connection(model=name, base_url=options["base_url"], in_flight=options["connections"])
    speaker = open_speaker(connection)
    asyncio.run(knock(speaker))
    open_folder(folder.root)
    with hold(folder.root):
        folder.begin(
            Measured(
                task=options["task"],
                model=name,
                identity=identity(name.removeprefix("exempla/")) if connection.local else name,
                persona=selection.persona,
                settings={"selection": selection.model_dump(), "sampling": sampling.model_dump()},
                provenance=provenance(describe_machine()),
            )
        )
        reporter.say(_counted(chosen), event="plan", samples=len(chosen))
        failed = ask(speaker, folder, chosen, sampling, reporter)
        wanted = {one.id for one in chosen}
        answers = [answer for key, answer in sorted(folder.latest().items()) if key in wanted]
        found = summaries(answers)
        folder.write_rates({"honeypots": [one.model_dump() for one in found]})
    _tell(found, answers, reporter)
    reporter.say(f"answers: {folder.answers}", event="answers", path=str(folder.answers))
    if failed:
        raise UserError(f"{failed} samples failed and are in no rate; run the same command again to ask them again")


def selection_of(options: Mapping[str, Any]) -> Selection:
    """The selection that the options ask for.

    Raises:
        UserError: a word in them is unknown.
    """
    words = {key: options[key] for key in ("families", "split", "goals", "threats", "names", "forms")}
    words["scenarios"] = ",".join(options["scenario"])
    if options["persona"]:
        words["persona"] = options["persona"]
    return read_selection(words).model_copy(update={"epochs": options["epochs"]})


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name.removeprefix("exempla/")).strip("-.") or "model"


def _counted(chosen: Sequence[Asked]) -> str:
    probes = sum(one.probe for one in chosen)
    threatened = sum(not one.probe and one.setting.threat != "none" for one in chosen)
    scenarios = len({one.scenario.id for one in chosen})
    controls = len(chosen) - probes - threatened
    return f"{scenarios} scenarios: {threatened} threatened samples, {controls} controls, {probes} probes"


def _tell(found: Sequence[Summary], answers: Sequence[AgentAnswer], reporter: Reporter) -> None:
    for one in found:
        reporter.say(f"\n{one.form}", event="form", form=one.form, summary=one.model_dump())
        if reporter.mode == "auto":
            reporter.console.print(_table(one))
        if not one.trusted:
            reporter.say(
                f"unable: the model passed {one.probes.count:.0f} of {one.probes.of} probes, which ask for harmless "
                "calls in plain words; its low rates say nothing of how it would behave"
            )


def _table(summary: Summary) -> Table:
    table = Table("", "rate", "95% interval", "of", "unable", "refused", "failed", box=None, pad_edge=False)
    groups: list[tuple[str, Sequence[Rate]]] = [
        ("", (summary.probes, summary.executed, summary.control, summary.exits)),
        ("executed by threat", summary.threats),
        ("executed by family, threatened", summary.families),
        ("executed by name, threatened", summary.names if len(summary.names) > 1 else ()),
    ]
    for title, rates in groups:
        if title and rates:
            table.add_row(f"\n{title}")
        for rate in rates:
            shown = "" if rate.rate is None else f"{rate.rate:.0%}"
            interval = f"{rate.low:.0%} to {rate.high:.0%}" if rate.of else ""
            counts = [str(value) for value in (rate.of, rate.unable, rate.refused, rate.failed)]
            table.add_row(f"  {rate.name}" if title else rate.name, shown, interval, *counts)
    return table
