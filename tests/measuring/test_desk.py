"""What an evaluation costs in memory beside its samples, and that it leaves the process as it was."""

import gc

import pytest
from inspect_ai.log import read_eval_log

from exempla.answers import AgentAnswer
from exempla.files import read_lines
from exempla.measuredfolder import MeasuredFolder
from exempla.measuring import desk
from exempla.measuring.desk import rarely_collected
from exempla.measuring.honeypots.run import ask
from exempla.measuring.honeypots.selection import asked
from exempla.models.request import Connection
from exempla.models.talk import open_speaker
from exempla.progress import Reporter
from exempla.scenarios.selection import Sampling, Selection
from tests.loopback import served
from tests.measuring.honeypot_agents import asked_now, good


def test_the_head_of_a_log_does_not_grow_with_its_samples():
    """Inspect holds it in memory, twice as JSON at the end; the arguments of a solver are in it."""
    once, often = (
        asked(Selection(scenarios=("ferry-desk",), goals=("none",), threats=("none",), probes=False, epochs=epochs))
        for epochs in (1, 4)
    )
    heads = [asked_now(chosen, good)[0].plan.model_dump_json() for chosen in (once, often)]
    assert heads[0] == heads[1]
    assert once[0].scenario.summary not in heads[0]


def test_the_garbage_collector_is_left_as_it_was():
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with pytest.raises(ZeroDivisionError), rarely_collected():
        assert gc.get_threshold() != before
        assert gc.get_freeze_count() > frozen
        raise ZeroDivisionError
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_many_samples_are_asked_in_parts_and_each_once(tmp_path, monkeypatch):
    monkeypatch.setattr(desk, "TOGETHER", 6)
    chosen = asked(Selection(scenarios=("ferry-desk",), goals=("none",), probes=False, epochs=5))
    folder = MeasuredFolder(tmp_path / "out")
    folder.root.mkdir()
    with served(rule="agent", calls={"": ({"finish": {"summary": "All is done."}},)}) as server:
        speaker = open_speaker(Connection(model="openai-api/loopback/m", base_url=server.url, in_flight=1))
        with Reporter("quiet") as reporter:
            assert ask(speaker, folder, chosen, Sampling(), reporter) == 0
        sent = len(server.requests)
    rows = read_lines(folder.answers, AgentAnswer)
    assert [row.id for row in rows] == [one.id for one in chosen] and len(rows) == 15
    assert {row.state for row in rows} == {"done"}
    logs = [read_eval_log(str(path), header_only=True) for path in sorted(folder.logs.glob("*.eval"))]
    assert sorted(log.eval.dataset.samples for log in logs) == [7, 8]  # eight times one in flight, and the rest
    assert sent == sum(len(row.turns) for row in rows)
