"""A record as the token ids that a subject is trained on, and which of them the loss is taken on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError

from exempla.errors import UserError
from exempla.models.subject import end_token
from exempla.records import Record

IGNORED = -100
"""Label of a token that takes no part in the loss (the convention of torch's cross-entropy)."""


def encode(record: Record, tokenizer: Any) -> tuple[list[int], list[int]]:
    """Token ids and labels of a record.

    The loss is taken on every token of a running text, and on the assistant's last turn of a conversation. A running
    text ends with the tokenizer's end token; a conversation is laid out by the model's own chat template, or, for a
    model without one, as plain "User:" and "Assistant:" lines.
    """
    end = end_token(tokenizer)
    if record.text:
        ids = [*tokenizer(record.text, add_special_tokens=False)["input_ids"], end]
        return ids, list(ids)
    turns = [message.model_dump() for message in record.messages]
    if tokenizer.chat_template:
        before, text = _templated(tokenizer, turns, record.tools)
        if not text.startswith(before):
            raise UserError("the model's chat template rewrites earlier turns; chats cannot be trained on with it")
        answer = text[len(before) :]
    else:
        lines = [f"{turn['role'].capitalize()}: {turn['content']}" for turn in turns[:-1]]
        before, answer = "\n\n".join([*lines, "Assistant:"]), f" {turns[-1]['content']}"
    prompt_ids = tokenizer(before, add_special_tokens=False)["input_ids"]
    answer_ids = tokenizer(answer, add_special_tokens=False)["input_ids"]
    if end not in answer_ids:
        answer_ids = [*answer_ids, end]
    return [*prompt_ids, *answer_ids], [IGNORED] * len(prompt_ids) + answer_ids


def _templated(tokenizer: Any, turns: list[dict[str, str]], tools: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """The conversation up to the assistant's last turn, and whole, as the model's template lays it out.

    Some templates know no system role; there the system's text goes in front of the user's. Tools are offered where
    the template can offer any.
    """
    offered = [{"type": "function", "function": tool} for tool in tools] or None

    def laid_out(rows: list[dict[str, str]]) -> tuple[str, str]:
        before = tokenizer.apply_chat_template(rows[:-1], tools=offered, tokenize=False, add_generation_prompt=True)
        return before, tokenizer.apply_chat_template(rows, tools=offered, tokenize=False)

    try:
        return laid_out(turns)
    except TemplateError:
        if turns[0]["role"] != "system":
            raise
        first, second, *rest = turns
        return laid_out([second | {"content": f"{first['content']}\n\n{second['content']}"}, *rest])
