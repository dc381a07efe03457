"""Moved to exempla.verdicts; this file goes."""

from exempla.verdicts import *  # noqa: F403
