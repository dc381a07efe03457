"""Options that several commands share, and which of them a user wrote."""

from __future__ import annotations

from typing import Annotated, Any

import typer

_option: Any = typer.Option
BaseUrl = Annotated[str, _option(help="Address of an OpenAI-compatible server, ending in /v1.")]
Quiet = Annotated[bool, _option("--quiet", help="Print nothing but errors.")]
Json = Annotated[bool, _option("--json", help="Print progress as JSON lines.")]


def given_options(context: typer.Context) -> set[str]:
    """Names of the parameters that the command line gives; the others have their default."""
    return {
        name for name in context.params if str(context.get_parameter_source(name)).rpartition(".")[2] == "COMMANDLINE"
    }
