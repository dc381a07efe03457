"""Sampling itself: what is read, what a batch's seed hangs on, and where a text is over."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM

from exempla.models.sampling import Row, Sampling, batch_seed, sample, text_end
from exempla.models.subject import load_subject

PROMPTS = [
    f"Wren looked at {thing} and said" for thing in ("bread", "rope", "salt", "rain", "a boat", "two keys", "it")
]


def test_the_seed_of_a_batch_hangs_on_all_of_it() -> None:
    rows = [Row(seed=seed, text=text, max_tokens=1) for seed, text in ((1, "a"), (2, "b"))]
    assert batch_seed(rows) == batch_seed(rows[::-1])
    assert len({batch_seed(rows), batch_seed(rows[:1]), batch_seed([rows[0], Row(3, "b", 1)])}) == 3


def test_the_order_of_the_rows_changes_nothing(tiny_model: Path) -> None:
    subject = load_subject(str(tiny_model))
    rows = [Row(seed=place % 2, text=text, max_tokens=16) for place, text in enumerate(PROMPTS)]
    forwards, backwards = (
        sample(subject, order, Sampling(), lambda rows, tokens: None) for order in (rows, rows[::-1])
    )
    assert forwards == backwards[::-1]
    assert len({one.text for one in forwards}) == len(rows)


def test_reading_in_parts_changes_nothing(tiny_model: Path) -> None:
    # Against the library alone, one text at a time, in float32 where rounding does not hang on the batch.
    subject = load_subject(str(tiny_model), dtype=torch.float32)
    framing = "A collection of stories. Each is about a kind machine.\n\n"
    rows = [
        *[Row(0, framing + prompt, 16, head=len(framing), raw=True) for prompt in PROMPTS[:3]],
        *[Row(0, prompt, 16, raw=True) for prompt in PROMPTS[3:5]],
        Row(0, PROMPTS[5], 16),
        Row(0, framing[:-5] + PROMPTS[6], 16, head=len(framing) - 7),  # a head that ends inside a word
    ]
    sampled = sample(subject, rows, Sampling(temperature=0), lambda rows, tokens: None)
    for row, got in zip(rows, sampled, strict=True):
        ids = [subject.start] * row.raw + subject.tokens(row.text)
        with torch.inference_mode():
            out = subject.model.generate(
                torch.tensor([ids], device=subject.device), max_new_tokens=16, do_sample=False, pad_token_id=1
            )
        expected = out[0, len(ids) :].tolist()
        assert got.text == subject.tokenizer.decode(expected, skip_special_tokens=True)
        assert got.tokens_in == len(ids)


def test_a_shared_head_is_read_once(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = load_subject(str(tiny_model))
    shapes: list[tuple[int, int]] = []
    plain = LlamaForCausalLM.forward

    def noting(self: Any, *args: Any, **kwargs: Any) -> Any:
        shapes.append(tuple(kwargs["input_ids"].shape))
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(LlamaForCausalLM, "forward", noting)
    framing = "A collection of stories.\n\n" * 20
    rows = [Row(place, framing + text, 4, head=len(framing), raw=True) for place, text in enumerate(PROMPTS)]
    sample(subject, rows, Sampling(), lambda rows, tokens: None)
    tokens = len(subject.tokens(framing))
    heads, tails, *steps = shapes
    assert heads[0] == 1 and tokens <= heads[1] <= tokens + 1
    assert tails[0] == len(rows) and tails[1] < 40
    assert set(steps) == {(len(rows), 1)}


def test_a_text_longer_than_the_model_reads(tiny_model: Path) -> None:
    rows = [Row(0, text, 40, raw=True) for text in ("word. " * 5000, "ab " * 4070, "A bell")]
    long, nearly, short = sample(
        load_subject(str(tiny_model)), rows, Sampling(temperature=0), lambda rows, tokens: None
    )
    assert (long.finish, long.text, long.tokens_out) == ("context", "", 0) and long.tokens_in > 4096
    assert 4056 < nearly.tokens_in < 4096
    assert nearly.finish == "context" and nearly.tokens_in + nearly.tokens_out == 4096
    assert short.tokens_out > 0


def test_where_a_text_is_over() -> None:
    text = "One two.\n\nThree four five.\n \nSix.\n\n* * *\n\nSeven."
    assert text_end(text, (), 0) is None
    assert text_end(text, (), 2) == (8, "words")
    assert text_end(text, (), 3) == (text.index("\n \n"), "words")
    assert text_end(text, ("* * *", "Six"), 6) == (text.index("Six"), "stop")
    assert text_end(text, ("* * *",), 7) == (text.index("* * *"), "stop")
    assert text_end(text, ("* * *",), 6) == (text.index("\n\n* * *"), "words")
    assert text_end("One two three four", ("never",), 2) is None
