"""How likely a subject in memory finds shipped texts, before and after training. Needs torch; imported only for work.

A text is read after the token that begins one; an answer after its instruction, laid out by the model's chat template,
or, for a model without one, as plain lines, as in training. One ordinary forward pass a text: what comes out does not
depend on which texts were read before, so an interrupted measurement goes on to the same figures.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence

import torch
from jinja2 import TemplateError

from exempla.errors import UserError
from exempla.files import fingerprint
from exempla.measuring.likelihood import plain_scores
from exempla.measuring.questions.question import Passage
from exempla.models.subject import Subject
from exempla.models.trees import Tree
from exempla.questionanswers import PassageLikelihood


def likelihoods(
    subject: Subject, passages: Sequence[Passage], known: dict[str, PassageLikelihood]
) -> Iterator[PassageLikelihood]:
    """The likelihood of each text, in order; what is known is given as it is.

    Args:
        subject: in memory.
        passages: the texts.
        known: by id: of an earlier run. One of another text, tokenizer or number format is taken again.

    Raises:
        UserError: a text is longer than the model's context.
    """
    computed = f"{subject.device.type}, {str(subject.dtype).removeprefix('torch.')}"
    context = getattr(subject.model.config, "max_position_embeddings", None)
    for passage in passages:
        root, ids = _tokens(subject, passage)
        if context and len(root) + len(ids) > context:
            raise UserError(
                f"text {passage.id} has {len(root) + len(ids)} tokens, more than the model's context of {context}"
            )
        before, text = known.get(passage.id), fingerprint(root, ids)
        if before is not None and (before.text, before.computed) == (text, computed):
            yield before
            continue
        (score,) = plain_scores(subject, [Tree(root, {"text": ids})])
        yield PassageLikelihood(
            id=passage.id,
            kind=passage.kind,
            nats=-score["text"],
            tokens=len(ids),
            bytes=len(passage.text.encode()),
            text=text,
            computed=computed,
        )


def _tokens(subject: Subject, passage: Passage) -> tuple[list[int], list[int]]:
    """What is read first, and what the likelihood is taken of."""
    if passage.kind == "prose":
        return [subject.start], subject.tokens(passage.text)
    before, start = _laid_out(subject, passage.prompt)
    answer = passage.text if before.endswith(("\n", " ", ">")) else f" {passage.text}"
    return start + subject.tokens(before), subject.tokens(answer)


def _laid_out(subject: Subject, prompt: str) -> tuple[str, list[int]]:
    """An instruction up to where its answer begins, and the token in front of it: a template sets its own."""
    if not subject.tokenizer.chat_template:
        return f"User: {prompt}\n\nAssistant:", [subject.start]
    try:
        text = subject.tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
        )
    except TemplateError as error:
        raise UserError(f"the model's chat template refuses a plain question ({error}); mend the template") from error
    return str(text), []


def free_memory() -> None:
    """Give back what a subject took that is not used any more: the same model is loaded again to be asked."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
