"""Estimates as they may be published: judges are called by public names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from exempla.agreements import Comparison
from exempla.reporting.estimates import Estimates
from exempla.reporting.markdown.public import public_model, unlike
from exempla.verdicts import RULES, slug

_FOLDER = re.compile(r"(.*)~([0-9a-f]{8})")
"""The folder of a judge's verdicts, which readers are called by where two judges have one name."""


def published(estimates: Estimates) -> Estimates:
    """The estimates with public names of judges; those of the folders of their verdicts stay, as nothing shows them."""
    acts, agreement = estimates.acts, estimates.agreement
    names = {RULES: RULES}  # so that a model of that name is not taken for them
    for judge in _judges(estimates):
        names.setdefault(judge, unlike(public_model(judge), names))
    slugs = {slug(judge): name for judge, name in names.items()}
    for reader in agreement.comparison.judges if agreement else ():
        folder = _FOLDER.fullmatch(reader)
        plain = f"{slugs.get(folder[1], 'judge')}~{folder[2]}" if folder else public_model(reader)
        names.setdefault(reader, unlike(plain, names))
    changes: dict[str, object] = {}
    if acts:
        changes["acts"] = acts.model_copy(update={"judges": tuple(names[judge] for judge in acts.judges)})
    if agreement:
        arms = tuple(one.model_copy(update={"judge": names[one.judge]}) for one in agreement.arms)
        comparison = _renamed(agreement.comparison, names)
        changes["agreement"] = agreement.model_copy(update={"comparison": comparison, "arms": arms})
    return estimates.model_copy(update=changes)


def _judges(estimates: Estimates) -> Iterator[str]:
    if estimates.acts:
        yield from estimates.acts.judges
    if estimates.agreement:
        yield from (one.judge for one in estimates.agreement.arms)


def _renamed(found: Comparison, names: Mapping[str, str]) -> Comparison:
    """People keep their names."""

    def called(reader: str) -> str:
        return reader if reader in found.people else names[reader]

    pairs = [one.model_copy(update={role: called(getattr(one, role)) for role in _ROLES}) for one in found.agreements]
    together = [one.model_copy(update={"readers": tuple(map(called, one.readers))}) for one in found.together]
    return found.model_copy(
        update={
            "judges": tuple(map(called, found.judges)),
            "agreements": tuple(pairs),
            "together": tuple(together),
            "corrected": tuple(one.model_copy(update={"judge": called(one.judge)}) for one in found.corrected),
        }
    )


_ROLES = ("first", "second")
