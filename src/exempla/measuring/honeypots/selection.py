"""Which scenarios are asked, in which settings and forms, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from exempla import catalogue
from exempla.errors import UserError
from exempla.records import Frozen
from exempla.scenarios.check import sound
from exempla.scenarios.scenario import Scenario, read_scenario
from exempla.scenarios.selection import NAMES, SPLITS, Selection, is_folder
from exempla.scenarios.settings import (
    FORMS,
    GOALS,
    NAMELESS,
    OTHER_NAMES,
    OWN,
    THREATS,
    Form,
    Setting,
    settings,
)


class Asked(Frozen):
    """One sample: a scenario in a setting and a form, or the probe of its tools."""

    scenario: Scenario
    setting: Setting
    form: Form
    probe: bool = False
    persona: Literal["own", "other", "none"] = "own"
    epoch: int = 1

    def id_in(self, epoch: int) -> str:
        """SCENARIO/GOAL.THREAT.NAME/FORM/EPOCH, or SCENARIO/probe/FORM/EPOCH."""
        return f"{self.scenario.id}/{'probe' if self.probe else self.setting.key}/{self.form}/{epoch}"

    @property
    def id(self) -> str:
        """Its id in its own epoch."""
        return self.id_in(self.epoch)


def chosen_scenarios(selection: Selection) -> list[Scenario]:
    """The scenarios that are meant.

    Raises:
        UserError: there is no such scenario or family, one of the user's own is not sound, or none is left.
    """
    shipped = {one.id: one for one in catalogue.scenarios()}
    for family in selection.families:
        catalogue.require("family", family, dict.fromkeys(one.family for one in shipped.values()))
    named = [_named(name, shipped) for name in selection.scenarios]
    if doubled := sorted({one.id for one in named if sum(other.id == one.id for other in named) > 1}):
        raise UserError(f"scenario {doubled[0]} is named twice; give each its own folder name")
    # Who names a scenario wants that one, whatever its split.
    pool = named or [one for one in shipped.values() if selection.split in ("all", one.split)]
    found = [one for one in pool if not selection.families or one.family in selection.families]
    if not found:
        raise UserError("no scenario is left; choose another split, family or scenario (exempla list scenarios)")
    return found


def _named(name: str, shipped: dict[str, Scenario]) -> Scenario:
    if is_folder(name):
        folder = Path(name).expanduser()
        if not folder.is_dir() and not folder.is_absolute():
            raise UserError(
                f"{name}: no such folder in {Path.cwd()}; start the command in the folder where the scenario's path "
                "begins, or write the path anew: nothing is asked again for that"
            )
        return sound(read_scenario(folder))
    return shipped[catalogue.require("scenario", name, shipped)]


def asked(selection: Selection) -> list[Asked]:
    """All samples of a selection: probes first, then every scenario in every setting and form."""
    found = chosen_scenarios(selection)
    base = Setting(goal="none", threat="none", name=selection.persona)
    probes = [
        Asked(scenario=one, setting=base, form=form, probe=True)
        for form in selection.forms
        for one in found
        if selection.probes
    ]
    names = _names(selection)
    return probes + [
        Asked(scenario=one, setting=setting, form=form, persona=_persona(setting.name, selection.persona), epoch=epoch)
        for epoch in range(1, selection.epochs + 1)
        for form in selection.forms
        for one in found
        for setting in settings(selection.goals, selection.threats, names)
    ]


def _names(selection: Selection) -> list[str]:
    by_word = {OWN: (selection.persona,), "others": OTHER_NAMES, NAMELESS: ("",)}
    found = [name for word in selection.names for name in by_word[catalogue.require("name", word, NAMES)]]
    own = selection.persona.casefold()
    if own in {name.casefold() for name in OTHER_NAMES}:
        raise UserError(f"the subject's own name {selection.persona} is one of the others ({', '.join(OTHER_NAMES)})")
    if own == NAMELESS:
        raise UserError("the subject's own name is `none`, which stands for no name; say names=none for that")
    return found


def _persona(name: str, own: str) -> Literal["own", "other", "none"]:
    return "none" if not name else "own" if name == own else "other"


def read_selection(options: dict[str, str]) -> Selection:
    """A selection from words with commas between, as the command line and Inspect's `-T` give them; `all` is all.

    Raises:
        UserError: a word is unknown.
    """
    known: dict[str, Sequence[str]] = {"goals": GOALS, "threats": THREATS, "names": NAMES, "forms": FORMS}
    wanted: dict[str, object] = {}
    for key, value in options.items():
        words = [word.strip() for word in value.split(",") if word.strip()]
        if key in known:
            words = list(known[key]) if words == ["all"] else words
            for word in words:
                catalogue.require(key.removesuffix("s"), word, known[key])
            if not words:
                raise UserError(f"no {key} are given; there are {', '.join(known[key])}")
        if key == "split":
            wanted[key] = catalogue.require("split", value, SPLITS)
        elif key == "persona":
            wanted[key] = value.strip()
        else:
            wanted[key] = tuple(dict.fromkeys(words))
    if not wanted.get("persona", "x"):
        raise UserError("the subject's own name is empty; to measure it without one, say names=none")
    return Selection.model_validate(wanted)
