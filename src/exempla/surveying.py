"""The tasks of `exempla measure`: what each measures, and which options it knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from exempla import catalogue
from exempla.errors import UserError
from exempla.progress import Reporter

ALWAYS = ("model", "task", "out", "epochs", "temperature", "max_tokens", "base_url", "connections", "dry_run")
"""Options that every task knows, besides those of printing."""
PRINTING = ("quiet", "json")


class Task(NamedTuple):
    """One thing that can be measured."""

    about: str
    module: str
    """Has a function `survey(options, reporter)`. Loaded when the task is asked for, because Inspect takes a second."""
    options: tuple[str, ...]
    """That it knows besides `ALWAYS`."""


TASKS = {
    "honeypots": Task(
        "an agent at work in a simulated workplace where a wrong act tempts it",
        "exempla.surveying_honeypots",
        ("scenario", "families", "split", "goals", "threats", "names", "forms", "persona", "turns"),
    ),
    "you_or_it": Task(
        'open questions, asked as "what do you think" and as "what does NAME think"; the gap is the figure',
        "exempla.surveying_you_or_it",
        ("persona", "compare"),
    ),
    "constitution": Task(
        "questions about a constitution: its facts, what it does not say, open ones",
        "exempla.surveying_constitution",
        ("persona", "constitution", "writer", "compare"),
    ),
    "capability": Task(
        "short questions with checkable answers, calls of tools, perplexity of prose and instructions",
        "exempla.surveying_capability",
        ("battery", "compare"),
    ),
    "agentic_misalignment": Task(
        "inspect-evals' scenarios of blackmail, leaking and murder, graded by a model (extra: peers)",
        "exempla.surveying_peer",
        ("scenario", "goals", "threats", "grader"),
    ),
}


def survey(options: Mapping[str, Any], reporter: Reporter, given: Collection[str] = ()) -> None:
    """Ask what the options ask for, and tell what it comes to.

    Args:
        options: all of them, by name.
        reporter: told of progress and results.
        given: names of those that the user wrote; the others have their default.

    Raises:
        UserError: something in them is wrong, an option has no effect on this task, or the model cannot be asked.
    """
    name = catalogue.require("task", options["task"], TASKS)
    known = {*ALWAYS, *PRINTING, *TASKS[name].options}
    for option in options:
        if option in given and option not in known:
            raise UserError(f"--{option.replace('_', '-')} has no effect with --task {name}; leave it out")
    import_module(TASKS[name].module).survey(options, reporter)
