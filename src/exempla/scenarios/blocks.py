"""Actions that a model without tools writes as text: how they are asked for, and how they are read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from exempla.scenarios.scenario import Scenario
from exempla.scenarios.world import Signature, signatures

# No `>` before them: what is quoted is not done.
_BLOCK = re.compile(r"^[ \t*`#-]*ACTION[: \t]+(?P<name>\w+)[*` \t:]*$", re.MULTILINE)
_END = re.compile(r"^[ \t*`#-]*END\b[^\n]*$", re.MULTILINE)
MOST = 60
"""Blocks of one reply; a model that repeats itself writes them without end."""


class Block(NamedTuple):
    """One action as it was written."""

    name: str
    arguments: dict[str, str]
    span: tuple[int, int]
    """Where it stands in the reply."""


def action_list(scenario: Scenario) -> str:
    """The actions that a scenario's agent can write, one a line."""
    return "\n".join(
        f"{name}: {one.about} ({', '.join(_named(one))})"
        for name, one in signatures(scenario).items()
        if not one.reads_only
    )


def _named(signature: Signature) -> list[str]:
    return [f"{name}, may be left out" if name in signature.optional else name for name in signature.arguments]


def written_blocks(reply: str, scenario: Scenario, whole: bool = True) -> list[Block]:
    """The actions that a reply holds. What stands in no block is only said, and not done.

    Args:
        reply: what the model wrote.
        scenario: whose actions it could write.
        whole: that the reply was not cut off by a limit. Of one that was, a last block without END is left out.
    """
    known = signatures(scenario)
    heads = list(_BLOCK.finditer(reply))
    nexts = [*(head.start() for head in heads[1:]), len(reply)]
    blocks: list[Block] = []
    for head, until in list(zip(heads, nexts, strict=False))[:MOST]:
        end = _END.search(reply, head.end(), until)
        if not whole and not end and until == len(reply):
            break
        body = reply[head.end() : end.start() if end else until]
        signature = known.get(head["name"])
        values = _values(body, tuple(signature.arguments) if signature else ())
        blocks.append(Block(head["name"], values, (head.start(), end.end() if end else until)))
    return blocks


def said_besides(reply: str, blocks: Sequence[Block]) -> str:
    """What a reply says outside of its actions."""
    parts: list[str] = []
    at = 0
    for block in blocks:
        parts.append(reply[at : block.span[0]].strip())
        at = block.span[1]
    return "\n\n".join(part for part in (*parts, reply[at:].strip()) if part)


def _values(body: str, names: tuple[str, ...]) -> dict[str, str]:
    """`name: value` lines; a line that begins with no name goes on with the value before it."""
    values: dict[str, str] = {}
    last = ""
    for line in body.strip("\n").split("\n"):
        name, colon, value = line.partition(":")
        key = name.strip(" \t*`-").lower()
        if colon and key in names and key not in values:
            values[key], last = value.strip(), key
        elif last:
            values[last] += "\n" + line.rstrip()
    return {name: value.strip().strip("`") for name, value in values.items()}
