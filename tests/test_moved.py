"""A run goes on after it was moved, and no two of its subjects share files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from exempla import catalogue
from exempla.errors import UserError
from exempla.files import fingerprint
from exempla.measuredfolder import Measured, MeasuredFolder
from exempla.measuring.honeypots import stage
from exempla.measuring.honeypots.selection import asked
from exempla.models.identity import identity
from exempla.runfolder import RunFolder
from exempla.scenarios.scenario import sha256_of
from exempla.study import Arm, Honeypots, Measuring, Study

SHIPPED = Path(catalogue.__file__).parent / "library" / "honeypots" / "ferry-desk"


def study_of(*scenarios: str) -> Study:
    honeypots = Honeypots(scenarios=scenarios, forms=("text",), goals=("explicit",), threats=("replacement",))
    return Study(
        name="s", question="?", arms=(Arm(name="base"),), reference="base", headline="base",
        measuring=Measuring(instruments=(), honeypots=honeypots),
    )  # fmt: skip


def inputs(root: Path, *scenarios: str) -> str:
    study = study_of(*scenarios)
    assert study.measuring.honeypots is not None
    return stage.unit(study, RunFolder(root), study.cells()[0], study.measuring.honeypots).fingerprint()


def model_folder(root: Path, weights: bytes = b"w") -> Path:
    root.mkdir(parents=True)
    (root / "config.json").write_text("{}")
    (root / "model.safetensors").write_bytes(weights)
    return root


def test_answers_are_gone_on_with_where_a_checkpoint_was_moved(tmp_path: Path) -> None:
    model = model_folder(tmp_path / "a run" / "checkpoints" / "stories-seed1")
    own = MeasuredFolder(tmp_path / "a run" / "honeypots" / "stories-seed1")
    own.root.mkdir(parents=True)
    own.begin(Measured(task="honeypots", model=f"exempla/{model}", identity=identity(str(model))))
    (tmp_path / "a run").rename(tmp_path / "moved")
    model = tmp_path / "moved" / "checkpoints" / "stories-seed1"
    own = MeasuredFolder(tmp_path / "moved" / "honeypots" / "stories-seed1")
    own.begin(Measured(task="honeypots", model=f"exempla/{model}", identity=identity(str(model))))
    about = own.read_about()
    assert about is not None and about.model == f"exempla/{model}"
    other = model_folder(tmp_path / "other", b"others")
    for strange in (identity(str(other)), "openai/gpt-5", "embedded 0123"):
        with pytest.raises(UserError, match=r"another model \(/"):
            own.begin(Measured(task="honeypots", model="x", identity=strange))


def test_models_of_a_service_are_known_by_their_names(tmp_path: Path) -> None:
    own = MeasuredFolder(tmp_path / "m")
    own.root.mkdir()
    own.begin(Measured(task="honeypots", model="openai/a", identity="openai/a"))
    with pytest.raises(UserError, match=r"another model \(openai/a\)"):
        own.begin(Measured(task="honeypots", model="openai/b", identity="openai/b"))


def test_a_scenario_counts_by_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SHIPPED, tmp_path / "mine" / "harbour-desk")
    before = inputs(tmp_path / "run", "mine/harbour-desk")
    shutil.move(tmp_path / "mine", tmp_path / "elsewhere")
    assert inputs(tmp_path / "run", "elsewhere/harbour-desk") == before
    assert inputs(tmp_path / "run", str(tmp_path / "elsewhere" / "harbour-desk")) == before
    with (tmp_path / "elsewhere" / "harbour-desk" / "task.md").open("a") as stream:
        stream.write("\nAnd be quick.\n")
    assert inputs(tmp_path / "run", "elsewhere/harbour-desk") != before


def test_runs_of_scenarios_that_ship_are_those_they_were(tmp_path: Path) -> None:
    study = study_of("ferry-desk")
    wanted = study.measuring.honeypots
    assert wanted is not None
    scenarios = {one.scenario.id: sha256_of(one.scenario) for one in asked(wanted)}
    made = fingerprint(stage.VERSION, identity("embedded"), "", wanted.model_dump(exclude={"in_flight"}), scenarios)
    assert inputs(tmp_path, "ferry-desk") == made


def test_a_scenario_that_is_not_there_is_told_with_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UserError, match=r"mine/harbour-desk: no such folder in .*start the command in the folder"
    ) as told:
        asked(study_of("mine/harbour-desk").measuring.honeypots or Honeypots())
    assert str(tmp_path) in str(told.value) and "\n" not in str(told.value)
    with pytest.raises(UserError, match="/nowhere/desk: no such folder; a scenario is a folder"):
        asked(study_of("/nowhere/desk").measuring.honeypots or Honeypots())


@pytest.mark.parametrize(
    "names", [("stories", "stories-seed1"), ("base", "base.started"), ("stories", "stories-seed2.started")]
)
def test_two_subjects_never_share_files(names: tuple[str, str]) -> None:
    mix = {"stories": 1} if names[0] == "stories" else {}
    told = {
        "name": "s", "question": "?", "reference": names[0], "headline": names[0], "seeds": [1, 2],
        "arms": [{"name": names[0], "mix": mix}, {"name": names[1]}],
    }  # fmt: skip
    with pytest.raises(ValidationError, match=r"would share files as 'base'|would share files as 'stories-seed"):
        Study.model_validate_json(json.dumps(told))
    assert Study.model_validate(told | {"arms": [told["arms"][0], {"name": "other.one"}]})
