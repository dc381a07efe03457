"""What an evaluation costs in memory beside its samples, and that it leaves the process as it was."""

import gc

import pytest

from exempla.measuring.desk import rarely_collected
from exempla.measuring.honeypots.selection import asked
from exempla.scenarios.selection import Selection
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
