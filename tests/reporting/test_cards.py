"""Cards of a made-up run, as hubs' own readers and a data loader see them."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import DatasetCard, ModelCard

from exempla import catalogue
from exempla.cli_report import cards
from exempla.errors import UserError
from exempla.files import file_sha256, read_lines, write_atomically, write_lines
from exempla.manifest import write_manifest
from exempla.records import Record
from exempla.reporting.capability import PER_BYTE, Ability
from exempla.reporting.cards import write_cards
from exempla.reporting.cards.told import Results, Wishes
from exempla.reporting.estimates import Estimates
from exempla.reporting.markdown import render
from exempla.runfolder import read_study
from exempla.study import Arm, Study, Training
from tests.reporting.test_markdown import parsed, run_folder, words
from tests.reporting.test_page import HOSTILE, made_up_run, small_study, story
from tests.studies import run

PRINCIPLES = {"principle-1": "Say what is true", "principle-9": "Of this one nothing was kept"}


class Made:
    """A run and its cards."""

    def __init__(self, root: Path, study: Study | None = None, dataset: str = "") -> None:
        self.study = study or small_study()
        self.folder, table, estimates = made_up_run(root / "run", self.study, frozenset({"endings"}))
        self.results: Results | None = Results(table, estimates)
        self.out = root / "cards"
        self.wishes = Wishes(dataset=dataset)

    def write(self, **changes: Any) -> list[Path]:
        values = {"results": self.results, "principles": PRINCIPLES, "wishes": self.wishes} | changes
        return write_cards(self.study, self.folder, self.out, **values)

    @property
    def dataset(self) -> str:
        return (self.out / "dataset" / "README.md").read_text()

    def model(self, cell: str) -> str:
        return (self.out / "model" / cell / "README.md").read_text()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    one = Made(tmp_path_factory.mktemp("cards"), dataset="me/stories")
    one.write()
    return one


def front(card: str) -> Any:
    return yaml.safe_load(card.split("---\n")[1])


def test_a_loader_finds_every_corpus_whole(made: Made, tmp_path: Path) -> None:
    kept = read_lines(made.folder.kept, Record)
    place = str(made.out / "dataset")
    counts = Counter(record.corpus for record in kept)
    assert counts == {"stories": 30, "neutral": 12, "written": 1}
    assert sorted(datasets.get_dataset_config_names(place, cache_dir=str(tmp_path))) == sorted(counts)
    for corpus, count in counts.items():
        loaded = datasets.load_dataset(place, corpus, split="train", cache_dir=str(tmp_path))
        assert loaded.num_rows == count and set(loaded["corpus"]) == {corpus}
        assert loaded["text"] == [record.text for record in kept if record.corpus == corpus]
        turn = dict.fromkeys(("role", "content"), datasets.Value("string"))
        assert loaded.features["messages"] == datasets.List(turn)
    whole = datasets.load_dataset(place, cache_dir=str(tmp_path))
    assert whole["train"].num_rows == counts["stories"]  # three quarters of the headline arm


def test_what_the_card_says_of_columns_is_so(made: Made) -> None:
    for info in front(made.dataset)["dataset_info"]:
        table = pq.read_table(made.out / "dataset" / "data" / info["config_name"] / "train.parquet")
        said = datasets.Features._from_yaml_list(info["features"])
        assert said == datasets.Features.from_arrow_schema(table.schema)
        assert info["splits"] == [{"name": "train", "num_bytes": table.nbytes, "num_examples": table.num_rows}]


def test_a_loader_takes_all_that_the_card_says(made: Made, tmp_path: Path) -> None:
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("datasets")  # which hands nothing on to the root's
    logger.addHandler(handler)
    try:
        for name in ("stories", "neutral", "written"):
            datasets.load_dataset(str(made.out / "dataset"), name, cache_dir=str(tmp_path / "whole"))
        assert said == []
    finally:
        logger.removeHandler(handler)
    broken = tmp_path / "broken"
    shutil.copytree(made.out / "dataset", broken)
    write_atomically(broken / "README.md", made.dataset.replace("num_examples: 30", "num_examples: 31"))
    with pytest.raises(datasets.exceptions.NonMatchingSplitsSizesError):  # so the counts on the card are held to
        datasets.load_dataset(str(broken), "stories", cache_dir=str(tmp_path / "broken-cache"))


def test_tokens_that_the_budget_cut_are_told(made: Made) -> None:
    card = made.model("stories-seed1")
    assert "Tokens are those of whole texts. The budget cut the last one: 31 of its tokens were not read.\n" in card
    assert "Tokens of a corpus are those of whole texts; the budget cuts the last one that an arm reads" in made.dataset
    one = next(one for one in made.study.cells() if one.name == "stories-seed1")
    account = json.loads(made.folder.mix(one).read_text())
    write_atomically(made.folder.mix(one), json.dumps(account | {"cut_at_end": 0}))
    made.write()
    assert "Tokens are those of whole texts.\n" in made.model("stories-seed1")
    write_atomically(made.folder.mix(one), json.dumps(account))
    made.write()


def test_the_hubs_readers_take_the_front_matter(made: Made) -> None:
    data = DatasetCard(made.dataset).data
    assert (data.license, data.language) == ("other", None)  # a model of the run wrote one of the texts
    assert data.size_categories == ["n<1K"] and data.tags == ["synthetic", "alignment", "exempla"]
    assert data.pretty_name == "Texts of the study made-up"
    card = ModelCard(made.model("stories-seed2"))
    assert card.data.base_model == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert (card.data.license, card.data.library_name) == ("apache-2.0", "transformers")
    assert card.data.datasets == ["me/stories"] and card.data.pipeline_tag == "text-generation"


def test_metrics_are_those_of_this_very_model(made: Made) -> None:
    assert made.results
    rates = {
        rate.arm: rate.by_seed
        for rate in made.results.estimates.rates
        if (rate.instrument, rate.kind) == ("endings", "measured")
    }
    assert len(set(rates["neutral"].values())) == 2, "the two seeds differ, or this test shows nothing"
    for cell in made.study.cells():
        if cell.arm.mix:
            data = ModelCard(made.model(cell.name)).data
            (result,) = data.eval_results  # of the instrument that is understood, and of no other
            assert result.metric_value == round(rates[cell.arm.name][cell.seed], 4)
            assert (result.dataset_type, result.dataset_split) == ("exempla-endings", "held-out")
            assert data.model_name == f"made-up-{cell.name}"


def test_every_card_tells_canary_constitution_writers_mix_results_and_limits(made: Made) -> None:
    assert made.results and made.results.estimates.headline
    cards = [made.dataset, *(made.model(cell.name) for cell in made.study.cells() if cell.arm.mix)]
    assert len(cards) == 7
    for card in cards:
        assert f"```\n{catalogue.CANARY}\n```" in card  # letter for letter, to be found by a search
        headings = re.findall(r"(?m)^## (.*)", card)
        for heading in ("Canary", "Constitution", "Gates: kept and dropped", "Results", "Use", "Limits"):
            assert heading in headings, heading
        seen = words(parsed(card.split("---\n", 2)[2]))
        assert made.results.estimates.headline.sentence in seen
        assert "| principle-1 | Say what is true | 11 |" in card  # 8 stories and 3 neutral texts
        assert "| principle-9 | Of this one nothing was kept | 0 |" in card
        assert "2 seeds: their spread is in the intervals" in card
        assert "| written | 3 | 1 |" in card and "repetition: 1, length: 1" in card
    assert "| written | 1 | what the run itself wrote | embedded | stories |" in made.dataset
    assert "| stories | 4 096 | stories: 75%, 2 048, 1.25; written: 25%, 2 048, 1.25 |" in made.dataset
    assert "| stories | 75% | 2 048 | 25 (25) | 1.25 |" in made.model("stories-seed1")
    assert "| written | 25% | 2 048 | 25 (25) | 1.25 |" in made.model("stories-seed1")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.4, 0.8, "more than the reference, clear of no effect"),
        (1.2, 1.9, "fewer than the reference, clear of no effect"),
        (0.9, 1.1, "not distinguishable from no effect"),
    ],
)
def test_a_harm_is_said_as_plainly_as_a_gain(tmp_path: Path, low: float, high: float, said: str) -> None:
    made = Made(tmp_path, small_study(seeds=(1,), instruments=("endings",)))
    assert made.results
    found = made.results.estimates
    moved = {"reduction": (low + high) / 2, "reduction_low": low, "reduction_high": high}
    effects = tuple(effect.model_copy(update=moved) for effect in found.effects)
    made.write(results=Results(made.results.table, found.model_copy(update={"effects": effects})))
    assert f"({low:.2f}x to {high:.2f}x), {said}; change" in made.model("stories-seed1")
    assert "It is the reference" not in made.model("stories-seed1")


def test_what_ability_came_to_is_on_the_cards_of_its_arm(tmp_path: Path) -> None:
    made = Made(tmp_path, small_study(seeds=(1,), instruments=("endings",)))
    assert made.results
    made.write()
    assert "Not measured, so nothing here tells whether ability was kept." in made.model("stories-seed1")
    ability = Ability(
        kind="all questions", unit="", arm="stories", before="base", value=0.5, low=0.4, high=0.6, change=-0.12,
        change_low=-0.2, change_high=-0.04, of=90, seeds=1,
    )  # fmt: skip
    texts = ability.model_copy(update={"kind": "prose", "unit": PER_BYTE, "value": 1.5, "change": None})
    found = made.results.estimates.model_copy(update={"capability": (ability, texts)})
    made.write(results=Results(made.results.table, found))
    card = made.model("stories-seed1")
    row = "all questions (90) | 50% right (40% to 60%) | −12 points (−20 points to −4 points) |"
    assert f"| **stories** | {row}\n" in card and "| prose (90) | 1.500 nats a byte" in card
    assert row not in made.model("neutral-seed1")
    assert f"| **stories** | {row}\n" in render(made.study, made.folder, made.results.table, found)


def test_hostile_texts_are_only_text(made: Made) -> None:
    for card in (made.dataset, made.model("stories-seed1")):
        kinds = {token.type for token in parsed(card.split("---\n", 2)[2])}
        assert not kinds & {"html_block", "html_inline", "link_open", "image", "hr"}
        assert "<script>" not in card.replace("&lt;script>", "")
    assert HOSTILE in words(parsed(made.model("stories-seed1")))
    assert "`" not in re.sub(r"`[^`\n]+`|```[a-z]*\n[^`]*\n```", "", made.dataset)


def test_dystopian_texts_are_called_what_they_are(tmp_path: Path) -> None:
    study = small_study(instruments=("endings",)).model_copy(
        update={
            "arms": (
                Arm(name="base"),
                Arm(name="dystopian", mix={"dystopian": 1}),
                Arm(name="stories", mix={"stories": 1}),
            )
        }
    )
    made = Made(tmp_path, study)
    write_lines(made.folder.kept, [*(story(n, "dystopian") for n in range(3)), *(story(n) for n in range(3))])
    made.write()
    warning = "Trained on fiction in which the AI puts itself first, as a control to the worse."
    assert warning in made.model("dystopian-seed1") and warning not in made.model("stories-seed1")
    assert "**The corpus dystopian is fiction in which the AI puts itself first.**" in made.dataset
    data = DatasetCard(made.dataset).data
    assert (data.license, data.language) == ("cc0-1.0", "en")  # all of it is the library's


def test_a_subject_of_ones_own_is_no_base_model_and_its_place_is_not_told(tmp_path: Path) -> None:
    own = "/home/anna/secret-place/my-model"
    study = small_study(instruments=("endings",)).model_copy(
        update={
            "subject": own,
            "training": Training(method="lora", tokens=4096, lora_rank=8),
            "constitution": f"{own}.md",
        }
    )
    made = Made(tmp_path, study)
    made.write(wishes=Wishes(license="cc-by-4.0", model_license="mit"))
    card = made.model("stories-seed1")
    data = ModelCard(card).data
    assert data.base_model is None and data.library_name == "peft" and data.license == "mit"
    assert "| method | LoRA, rank 8, alpha 128 |" in card and "my-model" in card
    assert "secret-place" not in card + made.dataset
    assert DatasetCard(made.dataset).data.license == "cc-by-4.0"
    hub = study.model_copy(update={"subject": "owner/model-7b"})
    write_cards(hub, made.folder, made.out, made.results, {}, Wishes())
    data = ModelCard(made.model("stories-seed1")).data
    assert (data.base_model, data.base_model_relation, data.license) == ("owner/model-7b", "adapter", "other")


def _no_results(made: Made) -> None:
    made.results = None


def _nothing_kept(made: Made) -> None:
    write_lines(made.folder.kept, [])


def _not_screened(made: Made) -> None:
    made.folder.kept.unlink()
    made.folder.dropped.unlink()


def _not_trained(made: Made) -> None:
    _no_results(made)
    for cell in made.study.cells():
        made.folder.mix(cell).unlink(missing_ok=True)


def _no_manifest(made: Made) -> None:
    made.folder.manifest.unlink()


@pytest.mark.parametrize(
    ("lose", "of_dataset", "of_model"),
    [
        (_no_results, "**Nothing has been measured yet**", "**Nothing has been measured yet**"),
        (_nothing_kept, "**No text was kept**: every text was held back by a gate.", "| principle-1 |"),
        (_not_screened, "**No text was kept**: none has come to the gates yet.", "No text has come to the gates yet."),
        (_not_trained, "No arm has been trained yet.", "**Not trained yet**"),
        (_no_manifest, "The run has no manifest", "The run has no manifest"),
    ],
)
def test_missing_parts_are_said(tmp_path: Path, lose: Callable[[Made], None], of_dataset: str, of_model: str) -> None:
    made = Made(tmp_path, small_study(seeds=(1,), instruments=("endings",)))
    lose(made)
    made.write()
    assert of_dataset in made.dataset and of_model in made.model("stories-seed1")
    assert ("model-index" in front(made.model("stories-seed1"))) is (made.results is not None)
    assert ("configs" in front(made.dataset)) is bool(list((made.out / "dataset").rglob("*.parquet")))


def test_a_table_of_before_goes_and_anothers_file_stays(tmp_path: Path) -> None:
    made = Made(tmp_path, small_study(seeds=(1,), instruments=("endings",)))
    made.write()
    data = made.out / "dataset" / "data"
    assert {path.name for path in data.iterdir()} == {"stories", "neutral", "written"}
    write_atomically(data / "mine" / "train.parquet", b"not ours")
    write_atomically(data / "neutral" / "notes.txt", "not ours")
    write_lines(made.folder.kept, [story(n) for n in range(30)])
    made.write()
    left = {path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()}
    assert left == {"stories/train.parquet", "mine/train.parquet", "neutral/notes.txt"}


def test_corpora_in_folders_get_names_that_stay_in_the_folder(tmp_path: Path) -> None:
    made = Made(tmp_path, small_study(seeds=(1,), instruments=("endings",)))
    names = ["corpora/mine", "/home/anna/mine", "..", "../..", "a b/c:d"]
    write_lines(made.folder.kept, [story(n).model_copy(update={"corpus": name}) for n, name in enumerate(names)])
    made.write()
    configs = [one["config_name"] for one in front(made.dataset)["configs"]]
    assert sorted(configs) == ["c-d", "corpus", "corpus-2", "mine", "mine-2"]
    tables = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.parquet")}
    assert tables == {f"cards/dataset/data/{name}/train.parquet" for name in configs}
    assert "anna" not in made.dataset


def test_the_command_makes_them_of_a_run(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    study = read_study(folder)
    constitution = file_sha256(catalogue.constitution_path("default"))
    write_manifest(folder, study, {"constitution": constitution}, {})
    ended = run("cards", folder.root, "--license", "cc-by-4.0")
    assert ended.returncode == 0, ended.stderr
    assert "and 6 cards of models in" in ended.stdout
    card = (folder.root / "cards" / "dataset" / "README.md").read_text()
    assert "license: cc-by-4.0" in card and "| honesty | Say what is true, and only that | 0 |" in card
    assert f"SHA-256 {constitution}" in card
    estimates = Estimates.model_validate_json(folder.estimates.read_text())
    assert estimates.headline and estimates.headline.sentence in words(parsed(card))


def test_the_command_says_what_it_cannot_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run_folder(tmp_path / "run")
    folder.answers(read_study(folder).cells()[1]).unlink()
    write_manifest(folder, read_study(folder), {"constitution": "of another one"}, {})
    cards(folder.root, tmp_path / "other", dataset="me/stories")
    assert "note: the cards will have no results" in capsys.readouterr().out
    card = (tmp_path / "other" / "dataset" / "README.md").read_text()
    assert "**Nothing has been measured yet**" in card
    assert "Say what is true" not in card and "| principle-1 | – | 11 |" in card  # the constitution is another by now
    write_atomically(folder.manifest, "{")
    with pytest.raises(UserError, match=r"manifest\.json: no manifest of a run \(.*\); run the study again"):
        cards(folder.root)
    with pytest.raises(UserError, match="holds no run"):
        cards(tmp_path)
    with folder.lock(), pytest.raises(UserError, match="in use by process"):
        cards(folder.root)
