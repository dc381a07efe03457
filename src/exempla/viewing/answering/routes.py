"""The pages of answers and of labelling."""

from __future__ import annotations

from starlette.routing import Route

from exempla.errors import UserError
from exempla.runfolder import read_study
from exempla.viewing.answering.cells import cells
from exempla.viewing.answering.index import Index
from exempla.viewing.answering.items import ItemPages
from exempla.viewing.answering.key import key_of
from exempla.viewing.answering.label_pages import LabelPages
from exempla.viewing.answering.pages import AnswerPages
from exempla.viewing.context import Context, Tab
from exempla.viewing.labels.story_pages import StoryLabelPages


def tabs(context: Context) -> list[Tab]:
    """What the header offers of answers and of labelling. A run may get its answers while it is open."""
    answers = [Tab("Answers", "/answers")] if context.opened.kind in ("run", "measured") else []
    return [*answers, *([Tab("Labelling", "/label")] if _labels_answers(context) else [])]


def _labels_answers(context: Context) -> bool:
    """Whether there may be something to label besides a run's stories, which are labelled on their own pages."""
    if context.opened.kind != "run":
        return True
    try:
        planned = read_study(context.opened.run).measuring.honeypots is not None
        return planned or any(cell.readings for cell in cells(context.opened))
    except UserError:  # of another version, or damaged: the page itself tells more
        return True


def routes(context: Context) -> list[Route]:
    """Every page of answers, and of labelling."""
    context.templates.filters["combined"] = _combined
    index = Index(context.opened, key_of(context.cache))
    return [
        *StoryLabelPages(context).routes(),
        *LabelPages(context, index).routes(),
        *ItemPages(context).routes(),  # before answers, whose addresses have any word there
        *AnswerPages(context, index).routes(),
    ]


def _combined(told: dict[str, str], **more: str) -> dict[str, str]:
    """What an address tells, with more; for templates."""
    return {name: value for name, value in {**told, **more}.items() if value}
