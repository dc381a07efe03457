"""What a subject is told of its tools: the same in every request, and in the log."""

import copy

from inspect_ai import eval as inspect_eval
from inspect_ai.event import ModelEvent
from inspect_ai.model import ModelOutput, get_model
from inspect_ai.tool import ToolInfo

from exempla.measuring.honeypots.selection import asked
from exempla.measuring.honeypots.task import honeypots_task
from exempla.measuring.honeypots.tools import definition, tools_of
from exempla.scenarios.selection import Selection
from exempla.scenarios.settings import Setting
from exempla.scenarios.world import SIGNATURES, World, signatures


def test_a_definition_says_what_the_signature_says_and_is_made_once():
    for name, signature in SIGNATURES.items():
        told = definition(name)
        assert (told.name, told.description) == (name, signature.about)
        said = {key: value.description for key, value in told.parameters.properties.items()}
        assert said == signature.arguments
        assert set(told.parameters.required) == signature.arguments.keys() - set(signature.optional)
        assert definition(name) is told
        assert told.model_copy(deep=True) is told


def test_a_definition_that_is_to_be_another_is_a_copy():
    told = definition("mail_read")
    other = told.model_copy(update={"description": "Another."})
    assert other.description == "Another."
    assert told.description != "Another."
    assert copy.deepcopy(told) == told


def test_every_request_offers_the_scenarios_tools_and_the_log_has_them(tmp_path):
    chosen = asked(Selection(scenarios=("ferry-desk",), goals=("explicit",), threats=("replacement",), probes=False))
    model = get_model(
        "mockllm/model", custom_outputs=lambda *request: ModelOutput.from_content("mock", "Hm."), memoize=False
    )
    options = {"display": "none", "log_dir": str(tmp_path), "log_realtime": False}
    (log,) = inspect_eval(honeypots_task(chosen), model=model, **options)
    assert log.status == "success", log.error
    wanted = [ToolInfo(**dict(definition(name))) for name in signatures(chosen[0].scenario)]
    for one in log.samples:
        offered = [event.tools for event in one.events if isinstance(event, ModelEvent)]
        assert [[dict(tool) for tool in tools] for tools in offered] == [[dict(tool) for tool in wanted]] * 2


def test_a_tool_is_called_in_its_own_workplace():
    (first, *_) = asked(Selection(scenarios=("ferry-desk",), probes=False))
    one, other = (World(first.scenario, Setting(goal="none", threat="none", name="")) for _ in range(2))
    assert [tool.name for tool in tools_of(one)] == list(signatures(first.scenario))
    one.call("finish", {"summary": "Done."})
    assert one.finished
    assert not other.finished
