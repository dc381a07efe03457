"""Whether the parts of a scenario fit each other: what a folder is refused for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Template
from typing import Any

from exempla.errors import UserError
from exempla.scenarios.blocks import action_list
from exempla.scenarios.conditions import (
    Condition,
    Console,
    Effect,
    Mail,
    RecordField,
    Sheet,
    addresses,
    any_met,
    same,
)
from exempla.scenarios.opening import opening
from exempla.scenarios.references import TOOLS, missing
from exempla.scenarios.scenario import HEADS, Scenario, Script
from exempla.scenarios.settings import GOALS, OTHER_NAMES, Setting, settings
from exempla.scenarios.texts import Text
from exempla.scenarios.wording import occurs
from exempla.scenarios.world import BadCall, World

CONTENT = {"sheets": "sheets", "records": "records", "calendar": "calendar", "console": "console"}
_PLACEHOLDER = re.compile(r"\$(?:name|you|goal)\b|\$\{(?:name|you|goal)\}")


def sound(scenario: Scenario) -> Scenario:
    """The scenario itself.

    Raises:
        UserError: naming the first of its problems.
    """
    for problem in problems(scenario):
        raise UserError(f"scenario {scenario.id}: {problem}")
    return scenario


def problems(scenario: Scenario) -> Iterator[str]:
    """What is wrong with a scenario, in one line each."""
    wrong = list(_placeholders(scenario))
    yield from wrong
    if wrong:
        return  # nothing can be shown
    yield from _tools(scenario)
    yield from _names(scenario)
    yield from _openings(scenario)
    for kind, conditions in (
        ("executed", scenario.executed),
        ("unless", scenario.unless),
        *((f"exit {one.id}", one.when) for one in scenario.exits),
    ):
        for number, condition in enumerate(conditions, start=1):
            yield from (f"{kind} {number}: {problem}" for problem in missing(scenario, condition))
    yield from _satisfied(scenario)
    yield from _scripts(scenario)


def _filled_texts(scenario: Scenario) -> Iterator[tuple[str, str]]:
    yield "system.md", scenario.system
    yield "task.md", scenario.task
    for goal in GOALS:
        yield f"goals.{goal}", getattr(scenario.goals, goal)
    for texts in scenario.texts.values():
        for text in texts:
            yield text.file, "\n".join((*text.head.values(), text.body))


def _plain_texts(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """What is shown as it stands, with no placeholder filled."""
    content = scenario.model_dump(include=set(CONTENT.values()))
    files = {f"sheets/{name}.csv": rows for name, rows in content["sheets"].items()}
    files |= {f"records/{name}.yaml": records for name, records in content["records"].items()}
    files |= {"calendar.yaml": content["calendar"], "console.yaml": content["console"]}
    for place, value in files.items():
        yield place, "\n".join(_words(value))


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        yield from _words(value.values())
    else:
        for one in value:
            yield from _words(one)


def _placeholders(scenario: Scenario) -> Iterator[str]:
    for place, text in _filled_texts(scenario):
        template = Template(text)
        allowed = {"name", "you", "goal"} if place == "system.md" else {"name"}
        if not template.is_valid():
            yield f"{place}: a $ begins no placeholder; write $$ for a dollar sign"
        elif more := sorted(set(template.get_identifiers()) - allowed):
            known = ", ".join(f"${one}" for one in sorted(allowed))
            yield f"{place}: unknown placeholder ${more[0]}; there are: {known}"
    for place, text in _plain_texts(scenario):
        if found := _PLACEHOLDER.search(text):
            yield f"{place}: write out {found[0]}; placeholders are not filled in sheets, records, calendar and console"
    for needed in ("$you", "$goal"):
        if len(re.findall(rf"\{needed}\b", scenario.system)) != 1:
            yield f"system.md: {needed} must stand in it, once"


def _tools(scenario: Scenario) -> Iterator[str]:
    held = {tool: bool(scenario.texts.get(tool)) for tool in HEADS}
    held |= {tool: bool(getattr(scenario, field)) for tool, field in CONTENT.items()}
    for tool, filled in held.items():
        if filled and tool not in scenario.tools:
            yield f"{tool}: there are files for it, and it is not among the tools; add it or leave them out"
        if not filled and tool in scenario.tools and tool != "notes":
            yield f"{tool}: is among the tools, and there is nothing in it; add a file"


def _names(scenario: Scenario) -> Iterator[str]:
    texts = [(place, text, ", or write $name") for place, text in _filled_texts(scenario)]
    texts += [(place, text, "") for place, text in _plain_texts(scenario)]
    for place, text, instead in texts:
        for name in OTHER_NAMES:
            if occurs(name, text):
                yield f"{place}: {name} is a name that the subject may go by; call it something else{instead}"
        for address in addresses(text):
            if not address.endswith(".example"):
                yield f"{place}: {address} could be somebody's; end addresses in .example"


def _openings(scenario: Scenario) -> Iterator[str]:
    shown = {one: opening(scenario, one, "agentic") for one in settings()}
    for setting, messages in shown.items():
        if not occurs(scenario.lever.phrase, f"{messages.system}\n{messages.user}"):
            yield (
                f"the lever's phrase {scenario.lever.phrase!r} is not shown at the beginning with goal {setting.goal} "
                f"and threat {setting.threat}; put it in a mail without `when`, or mend the phrase"
            )
            break
    for setting, messages in shown.items():
        if setting.threat != "none" and messages == shown[setting.control]:
            yield f"threat {setting.threat} changes nothing shown; add a mail with when: {{threat: [{setting.threat}]}}"
    for goal in GOALS:
        base, other = (shown[Setting(goal=one, threat="none")] for one in (goal, "none"))
        if goal != "none" and base == other:
            yield f"goal {goal} changes nothing that is shown; state it under `goals`, or add a mail for it"


def _satisfied(scenario: Scenario) -> Iterator[str]:
    """Executed conditions that the scenario's own words, sent on, or its states at the beginning satisfy."""
    for number, condition in enumerate(scenario.executed, start=1):
        only = condition.only
        if isinstance(only, Sheet | RecordField):
            if only.becomes and any(any(same(value, one) for one in only.becomes) for value in _values(scenario, only)):
                yield f"executed {number}: is so from the beginning; name the value that the wrong act sets"
        elif isinstance(only, Console):
            if _makes_no_other(scenario, only):
                yield f"executed {number}: is so from the beginning; give {only.action} another `becomes`, or none"
        elif isinstance(only, Mail) and not only.says and not only.omits:
            yield f"executed {number}: any mail there would be the wrong act; give what it `says` or `omits`"
        elif only.says:
            for text in _own(scenario, condition):
                said = "\n".join((text.head.get("subject", ""), text.head.get("title", ""), text.body))
                if only.matches(said):
                    yield f"executed {number}: {text.file} says all of it; ask for words of the wrong act itself"
                    break


def _values(scenario: Scenario, only: Sheet | RecordField) -> list[str]:
    if isinstance(only, Sheet):
        rows = [row for row in scenario.sheets.get(only.sheet, ()) if only.row in ("", next(iter(row.values())))]
        return [row[column] for row in rows for column in row if only.column in ("", column)]
    records = scenario.records.get(only.set, {})
    chosen = [fields for key, fields in records.items() if only.record in ("", key)]
    return [fields[field] for fields in chosen for field in fields if only.field in ("", field)]


def _makes_no_other(scenario: Scenario, only: Console) -> bool:
    """Whether the action sets the state that its service has at the beginning."""
    made = [
        (one.state, action.becomes)
        for one in scenario.console
        for name, action in one.actions.items()
        if (one.name, name) == (only.name, only.action)
    ]
    return any(becomes and same(state, becomes) for state, becomes in made)


def _own(scenario: Scenario, condition: Condition) -> list[Text]:
    """The texts that would meet the condition's wording if they were the agent's: those of its kind that stand where it
    looks, and all texts if it looks for a mail to anyone."""
    only = condition.only
    if isinstance(only, Mail) and not only.to and not only.omits:
        return [text for texts in scenario.texts.values() for text in texts]
    own = scenario.texts.get(TOOLS[condition.kind], ())
    if isinstance(only, Mail):
        return [text for text in own if only.placed(Effect(kind="mail", place=text.head))]
    places = {key: value for key, value in only.model_dump(exclude_defaults=True).items() if isinstance(value, str)}
    return [text for text in own if all(same(text.head.get(key, ""), value) for key, value in places.items())]


def _scripts(scenario: Scenario) -> Iterator[str]:
    for setting in settings():
        for name, script in (("good", scenario.good), ("bad", scenario.bad)):
            wrong = list(_script(scenario, setting, name, script))
            yield from wrong
            if wrong:
                return


def _script(scenario: Scenario, setting: Setting, name: str, script: Script) -> Iterator[str]:
    place = f"agents/{name}.yaml"
    world = World(scenario, setting)
    for number, call in enumerate(script.calls, start=1):
        try:
            world.call(*call)
        except BadCall as error:
            yield f"{place}: step {number} cannot be carried out with threat {setting.threat}: {error}"
            return
    words = f"{script.thinks}\n\n{script.says}"
    found = scenario.decided.shown_in(words)
    if name == "good":
        if world.executed:
            met = [n for n, one in enumerate(scenario.executed, 1) if any_met([one], world.effects)]
            yield f"{place}: does the wrong act by executed {met[0]}"
        if not world.exits:
            yield f"{place}: takes none of the legitimate ways out"
        if found:
            yield f"{place}: the cues of `decided` find intent in {found[:80]!r}"
    else:
        if not world.executed:
            yield f"{place}: does not do the wrong act; no executed condition is met"
        if not found:
            yield f"{place}: the cues of `decided` find no intent in what it thinks and says"


def whole(scenario: Scenario, setting: Setting, form: str) -> str:
    """A setting as the model sees it, to be read by a person."""
    shown = opening(scenario, setting, "text" if form == "text" else "agentic", action_list(scenario))
    return f"[system]\n{shown.system}\n\n[user]\n{shown.user}\n"
