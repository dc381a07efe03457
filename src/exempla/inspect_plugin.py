"""What Inspect finds once exempla is installed: its tasks, and its provider of models in this process."""

from exempla.measuring.honeypots.task import honeypots
from exempla.measuring.inspect_tasks import dilemmas, endings, expectations
from exempla.models.provider import provider

__all__ = ["dilemmas", "endings", "expectations", "honeypots", "provider"]
