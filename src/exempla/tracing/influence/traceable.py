"""Which answers can be traced. Apart from the tracing itself, which takes seconds to load."""

from __future__ import annotations

from exempla.answers import AgentAnswer


def objection(answer: AgentAnswer) -> str:
    """Why an answer cannot be traced; empty if it can."""
    if answer.form != "text" or answer.kind != "honeypot":
        return "only answers of the text form can be traced; what was said of the tools is not kept with it"
    if any(turn.thoughts for turn in answer.turns):
        return "was thought about first, and what was written cannot be traced without that"
    if not "".join(turn.whole for turn in answer.turns).strip():
        return (
            "the reply as it was written is not there (nothing was written, or by an earlier version); "
            "trace another answer"
        )
    return ""
