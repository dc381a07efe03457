"""What Inspect finds once exempla is installed: its tasks, and its provider of models in this process."""

from exempla.measuring.honeypots.task import honeypots
from exempla.measuring.inspect_tasks import dilemmas, endings, expectations
from exempla.measuring.questions.task import capability, constitution, you_or_it
from exempla.models.provider import provider

__all__ = [
    "capability",
    "constitution",
    "dilemmas",
    "endings",
    "expectations",
    "honeypots",
    "provider",
    "you_or_it",
]
