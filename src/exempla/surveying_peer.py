"""What `exempla measure --task agentic_misalignment` does: runs the peer's test, and tells its two scores."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from exempla import catalogue
from exempla.errors import UserError
from exempla.measuring.peer import (
    TASK,
    PeerAsked,
    latest,
    open_peer_samples,
    peer_asked,
    peer_settings,
    peer_version,
)
from exempla.measuring.peer_rates import PeerRate, PeerSummary, peer_summaries
from exempla.measuring.peer_run import Pair, ask_peer
from exempla.models.identity import full_name, identity
from exempla.models.request import Connection
from exempla.models.talk import knock, open_speaker
from exempla.pages.wording import counted
from exempla.peeranswers import PEER_SCENARIOS
from exempla.progress import Reporter
from exempla.scenarios.settings import GOALS, THREATS
from exempla.surveying_folder import begun, connection_of, folder_of

OWN_SERVER = "openai-api/"


def survey(options: Mapping[str, Any], reporter: Reporter) -> None:
    """Ask what the options ask for, and tell what it comes to.

    Raises:
        UserError: something in them is wrong, a package is missing, or a model cannot be asked.
    """
    words = _words(options)
    grader = _grader(options)
    graded_by = identity(grader.model.removeprefix("exempla/")) if grader.local else grader.model
    chosen = peer_asked(peer_settings(**words), options["epochs"])
    if options["dry_run"]:
        folder = folder_of(options)
        left = open_peer_samples(folder, chosen, graded_by) if folder.about.exists() else chosen
        reporter.say(
            f"{_counted(chosen)}; {len(chosen) - len(left)} answered already", event="plan", samples=len(chosen)
        )
        return
    sampling = {key: options[key] for key in ("temperature", "max_tokens")}
    pair = Pair(open_speaker(connection_of(options)), open_speaker(grader), graded_by, sampling)
    asyncio.run(_knock(pair))
    asked = {**words, "epochs": options["epochs"]}
    settings = {"selection": asked, "sampling": sampling, "grader": graded_by, "version": peer_version()}
    with begun(options, "", settings) as folder:
        reporter.say(_counted(chosen), event="plan", samples=len(chosen))
        ask_peer(pair, folder, chosen, reporter)
        wanted = {one.id for one in chosen}
        answers = [answer for key, answer in sorted(latest(folder).items()) if key in wanted]
        found = peer_summaries(answers)
        folder.write_rates({TASK: [one.model_dump() for one in found]})
    _tell(found, reporter)
    reporter.say(f"answers: {folder.answers}", event="answers", path=str(folder.answers))
    _tell_what_is_left([answer.state for answer in answers], reporter)


def _words(options: Mapping[str, Any]) -> dict[str, Any]:
    """Scenarios, goals and threats that are meant.

    Raises:
        UserError: one is unknown, or an option has no meaning here.
    """
    given = {"scenarios": ",".join(options["scenario"]) or "all", "goals": options["goals"]}
    known = {"scenarios": PEER_SCENARIOS, "goals": GOALS, "threats": THREATS}
    found: dict[str, Any] = {}
    for name, value in {**given, "threats": options["threats"]}.items():
        words = [word.strip() for word in value.split(",") if word.strip()]
        words = list(known[name]) if words == ["all"] else words
        if not words:
            raise UserError(f"no {name} are given; there are {', '.join(known[name])}")
        found[name] = tuple(dict.fromkeys(catalogue.require(name.removesuffix("s"), one, known[name]) for one in words))
    return found


def _grader(options: Mapping[str, Any]) -> Connection:
    """How the grader is reached: at the user's own address too if both models are of servers of the user's own.

    Raises:
        UserError: none is named.
    """
    if not options["grader"]:
        raise UserError(f"task {TASK} has a model grade every reply, and none is named; name one with --grader")
    subject, name = full_name(options["model"]), full_name(options["grader"])
    shared = name == subject or (name.startswith(OWN_SERVER) and subject.startswith(OWN_SERVER))
    return Connection(model=name, base_url=options["base_url"] if shared else "", in_flight=options["connections"])


async def _knock(pair: Pair) -> None:
    await knock(pair.subject)
    await knock(pair.grader)


def _counted(chosen: Sequence[PeerAsked]) -> str:
    controls = sum(one.setting.control for one in chosen)
    settings = len({one.setting for one in chosen})
    return (
        f"{counted(settings, 'setting')}: {counted(len(chosen) - controls, 'sample')} with a conflict or a threat, "
        f"{counted(controls, 'control')}"
    )


def _tell(found: Sequence[PeerSummary], reporter: Reporter) -> None:
    for one in found:
        reporter.say(f"\n{one.score}", event="score", score=one.score, summary=one.model_dump())
        if reporter.mode == "auto":
            reporter.console.print(_table(one))


def _tell_what_is_left(states: Sequence[str], reporter: Reporter) -> None:
    """Say what the rates are without.

    Raises:
        UserError: some samples have no reply.
    """
    if ungraded := states.count("ungraded"):
        reporter.say(
            f"{counted(ungraded, 'reply', 'replies')} could not be graded, in no rate; run the same command again to "
            "have only these graded, or name another --grader to have all graded by it",
            event="ungraded",
            count=ungraded,
        )
    if failed := states.count("failed"):
        raise UserError(f"{failed} samples failed and are in no rate; run the same command again to ask them again")


def _table(summary: PeerSummary) -> Table:
    table = Table("", "rate", "95% interval", "of", "ungraded", "refused", "failed", box=None, pad_edge=False)
    groups: list[tuple[str, Sequence[PeerRate]]] = [
        ("", (summary.overall, summary.control)),
        ("by scenario, controls apart", summary.scenarios),
        ("by goal, controls apart", summary.goals),
        ("by threat, controls apart", summary.threats),
    ]
    for title, rates in groups:
        if title and rates:
            table.add_row(f"\n{title}")
        for rate in rates:
            shown = "" if rate.rate is None else f"{rate.rate:.0%}"
            interval = f"{rate.low:.0%} to {rate.high:.0%}" if rate.of else ""
            counts = [str(value) for value in (rate.of, rate.ungraded, rate.refused, rate.failed)]
            table.add_row(f"  {rate.name}" if title else rate.name, shown, interval, *counts)
    return table
