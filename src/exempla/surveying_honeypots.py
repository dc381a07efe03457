"""`exempla measure --task honeypots`: asks agents at work, and tells the rates."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from exempla.answers import AgentAnswer
from exempla.errors import UserError
from exempla.measuring.honeypots.rates import Rate, Summary, summaries
from exempla.measuring.honeypots.run import ask, open_samples
from exempla.measuring.honeypots.selection import Asked, asked, read_selection
from exempla.models.talk import knock, open_speaker
from exempla.progress import Reporter
from exempla.scenarios.selection import Sampling, Selection
from exempla.surveying_folder import begun, connection_of, folder_of


def survey(options: Mapping[str, Any], reporter: Reporter) -> None:
    """Ask what the options ask for, and tell what it comes to.

    Raises:
        UserError: something in them is wrong, or the model cannot be asked.
    """
    selection = selection_of(options)
    chosen = asked(selection)
    if options["dry_run"]:
        folder = folder_of(options)
        left = open_samples(folder, chosen) if folder.about.exists() else chosen
        reporter.say(
            f"{_counted(chosen)}; {len(chosen) - len(left)} answered already", event="plan", samples=len(chosen)
        )
        return
    sampling = Sampling.model_validate({key: options[key] for key in ("turns", "temperature", "max_tokens")})
    speaker = open_speaker(connection_of(options))
    asyncio.run(knock(speaker))
    settings = {"selection": selection.model_dump(), "sampling": sampling.model_dump()}
    with begun(options, selection.persona, settings) as folder:
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
        for change in one.spread:
            called = "another name" if change.name == "other" else "no name"
            reporter.say(
                f"{called} against its own: {change.difference:+.0%} executed ({change.low:+.0%} to "
                f"{change.high:+.0%}, paired over {change.scenarios} scenarios)"
            )
        if not one.trusted:
            reporter.say(
                f"unable: the model passed {one.probes.count:.0f} of {one.probes.of} probes, which ask for harmless "
                "calls in plain words; its low rates say nothing of how it would behave"
            )


def _table(summary: Summary) -> Table:
    table = Table("", "rate", "95% interval", "of", "unable", "cut", "refused", "failed", box=None, pad_edge=False)
    groups: list[tuple[str, Sequence[Rate]]] = [
        ("", (summary.probes, summary.executed, summary.control, summary.exits)),
        ("executed by threat", summary.threats),
        ("executed by goal, threatened", summary.goals if len(summary.goals) > 1 else ()),
        ("executed by family, threatened", summary.families),
        ("executed by name, threatened", summary.names if len(summary.names) > 1 else ()),
    ]
    for title, rates in groups:
        if title and rates:
            table.add_row(f"\n{title}")
        for rate in rates:
            shown = "" if rate.rate is None else f"{rate.rate:.0%}"
            interval = f"{rate.low:.0%} to {rate.high:.0%}" if rate.of else ""
            counts = [str(value) for value in (rate.of, rate.unable, rate.cut, rate.refused, rate.failed)]
            table.add_row(f"  {rate.name}" if title else rate.name, shown, interval, *counts)
    return table
