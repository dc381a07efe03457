"""Shares of samples of one kind, and their standard errors, for Inspect's metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isnan
from typing import cast

from inspect_ai.scorer import SampleScore
from inspect_ai.scorer import stderr as inspect_stderr


def share(scores: Sequence[SampleScore], kind: str) -> float:
    """The mean of the scores of one kind. Inspect's own mean of nothing is 0, which would read as "never"; here it is
    not a number."""
    values = [one.score.as_float() for one in _of_kind(scores, kind)]
    return sum(values) / len(values) if values else float("nan")


def clustered_stderr(scores: Sequence[SampleScore], cluster: str, kind: str) -> float:
    """The standard error of `share`, clustered by a field of the samples' metadata."""
    own = _of_kind(scores, kind)
    value = cast(Callable[[list[SampleScore]], float], inspect_stderr(cluster=cluster))
    return value(own) if own else float("nan")


def _of_kind(scores: Sequence[SampleScore], kind: str) -> list[SampleScore]:
    own = [one for one in scores if (one.sample_metadata or {}).get("kind") == kind]
    return [one for one in own if not isnan(one.score.as_float())]
