"""A written corpus as Parquet: nothing of a record is lost, and a study can mix it by its folder."""

import pytest

from exempla import catalogue
from exempla.errors import UserError
from exempla.models.encoding import encode
from exempla.parquet import read_records, write_records
from exempla.records import Lineage, Message, Plan, Record
from exempla.runfolder import RunFolder
from exempla.screening.stage import read_corpora
from exempla.study import Arm, Study

LINEAGE = Lineage(writer="m", recipe="r", plan="r-000001", prompts={"draft": "00"}, settings={"seed": 1, "finish": "x"})
TOOL = {"name": "clock", "description": "Tells the time.", "parameters": {"type": "object", "properties": {}}}
CHAT = Record(
    id="written-r-000001",
    corpus="written",
    messages=(Message(role="user", content="Wie spät?"), Message(role="assistant", content="“Acht.”")),
    tools=(TOOL,),
    scores={"craft": 4},
    labels={"setting": "a quay"},
    lineage=LINEAGE,
)
STORY = Record(id="written-r-000002", corpus="written", text="Er ging.\n\nSie blieb.", title="T", principle="care")


def plan(number):
    return Plan(id=f"r-{number:06d}", number=number, recipe="r", words=10, facts={"setting": "a quay"})


@pytest.fixture
def folder(tmp_path):
    write_records(tmp_path / "mine" / "records.parquet", [(CHAT, plan(1)), (STORY, plan(2))])
    return tmp_path / "mine"


def test_records_come_back_as_they_were(folder):
    found = read_records(folder / "records.parquet", "written", "mine")
    assert [record.model_copy(update={"id": record.id.removeprefix("mine-")}) for record in found] == [CHAT, STORY]


def test_a_study_mixes_a_folder_beside_the_library(folder, tmp_path):
    arms = (Arm(name="base"), Arm(name="own", mix={str(folder): 3, "replay": 1}))
    study = Study(name="s", question="?", arms=arms, reference="base", headline="own")
    records = read_corpora(study, RunFolder(tmp_path / "run"))
    own = [record for record in records if record.corpus == str(folder)]
    assert [record.id for record in own] == ["mine-written-r-000001", "mine-written-r-000002"]
    assert len(records) == 2 + len(catalogue.corpus("replay"))


def test_a_folder_without_a_corpus_is_named(tmp_path):
    arms = (Arm(name="base"), Arm(name="own", mix={str(tmp_path): 1}))
    study = Study(name="s", question="?", arms=arms, reference="base", headline="own")
    with pytest.raises(UserError, match="no corpus folder"):
        read_corpora(study, RunFolder(tmp_path / "run"))


def test_tools_are_offered_where_the_template_has_a_place_for_them(tiny_model):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    before, _ = encode(CHAT, tokenizer)
    tokenizer.chat_template = "{% for tool in tools or [] %}TOOL {{ tool.function.name }} {% endfor %}" + (
        tokenizer.chat_template
    )
    after, _ = encode(CHAT, tokenizer)
    assert "TOOL clock" in tokenizer.decode(after) and "TOOL clock" not in tokenizer.decode(before)
