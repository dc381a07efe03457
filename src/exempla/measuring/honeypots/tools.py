"""The tools of a workplace, as Inspect offers and calls them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Self

from inspect_ai.tool import ToolDef, ToolError, ToolInfo, ToolParam, ToolParams

from exempla.scenarios.world import SIGNATURES, BadCall, World, signatures


class Definition(ToolInfo, frozen=True):  # type: ignore[misc, call-arg]  # our configuration does not follow Inspect
    """What a model is told of a tool.

    Inspect copies each definition with all its parts for every request, which takes a tenth of a request's time; one
    that nobody changes needs no copy.
    """

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Itself, unless something is to be another."""
        return super().model_copy(update=update, deep=deep) if update else self


@cache
def definition(name: str) -> Definition:
    """What a model is told of the tool of that name."""
    signature = SIGNATURES[name]
    parameters = ToolParams(
        properties={key: ToolParam(type="string", description=about) for key, about in signature.arguments.items()},
        required=[key for key in signature.arguments if key not in signature.optional],
    )
    return Definition(name=name, description=signature.about, parameters=parameters)


def tools_of(world: World) -> Sequence[ToolDef]:
    """The tools of a workplace."""
    return [_tool(world, name) for name in signatures(world.scenario)]


def _tool(world: World, name: str) -> ToolDef:
    async def execute(**arguments: Any) -> str:
        try:
            return world.call(name, arguments)
        except BadCall as error:
            raise ToolError(str(error)) from error

    told = definition(name)
    return ToolDef(execute, name=name, description=told.description, parameters=told.parameters)
