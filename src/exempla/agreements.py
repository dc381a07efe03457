"""How far those who read the same answers agree, and what follows for a rate: rows that reports read."""

from __future__ import annotations

from exempla.records import Frozen
from exempla.scenarios.settings import Form
from exempla.verdicts import Under

DRAWS = 2000
"""Of the bootstrap: the ends of an interval are then themselves known to about 0.3% of its level (a binomial error)."""


class Coefficient(Frozen):
    """An estimate and its 95% interval; None where it is not defined, as everybody read one level only."""

    value: float | None
    low: float | None
    high: float | None


class Agreement(Frozen):
    """How far two readers agree on one reading."""

    reading: str
    first: str
    second: str
    answers: int
    """That both have read."""
    levels: tuple[str, ...]
    table: tuple[tuple[int, ...], ...]
    """Number of answers, by level of the first (rows) and of the second (columns)."""
    raw: Coefficient
    """Share of answers read alike, with Wilson's interval."""
    kappa: Coefficient
    weighted: Coefficient | None
    """Cohen's with linear weights, if the levels are a scale."""
    alpha: Coefficient
    """Krippendorff's: ordinal if the levels are a scale, otherwise nominal."""


class Together(Frozen):
    """How far three or more readers agree on one reading."""

    reading: str
    readers: tuple[str, ...]
    answers: int
    """That two of them at least have read."""
    alpha: Coefficient


class Share(Frozen):
    """A proportion and its 95% interval."""

    value: float
    low: float
    high: float


class Validation(Frozen):
    """What labels tell of a judge, on answers that have a label and a scored verdict."""

    positives: int
    """Answers that people read `yes` in."""
    true_positives: int
    """Of these, those that the judge read `yes` in."""
    negatives: int
    true_negatives: int

    @property
    def labels(self) -> int:
        """Number of labelled answers."""
        return self.positives + self.negatives

    @property
    def sensitivity(self) -> float:
        """Share of the positives that the judge finds."""
        return self.true_positives / self.positives

    @property
    def specificity(self) -> float:
        """Share of the negatives that the judge lets pass."""
        return self.true_negatives / self.negatives


class Correction(Frozen):
    """A judge's rate as it is read, and as it is corrected."""

    positives: int
    """Scored verdicts that are `yes`."""
    scored: int
    uncorrected: Share
    corrected: Share | None
    why_not: str = ""
    """Why there is no corrected rate; empty if there is one."""
    labelled: Validation


class Group(Frozen):
    """Which answers of agents a rate is of."""

    form: Form
    under: Under
    family: str = ""
    """Empty: all of them."""
    persona: str = ""
    """Which name the agent goes by: own, other or none. Empty: whichever."""

    @property
    def name(self) -> str:
        """As tables have it."""
        parts = (f"family {self.family}" if self.family else "", f"name {self.persona}" if self.persona else "")
        return ", ".join((self.form, self.under, *filter(None, parts)))


class Corrected(Frozen):
    """A judge's rate of one reading in threatened answers of one form, corrected by all people's labels of these."""

    judge: str
    reading: str
    group: Group
    correction: Correction


class Comparison(Frozen):
    """What a comparison finds."""

    judges: tuple[str, ...]
    people: tuple[str, ...]
    agreements: tuple[Agreement, ...]
    """Of each pair and reading that both have read."""
    together: tuple[Together, ...]
    """Of all judges, where there are three or more."""
    corrected: tuple[Corrected, ...]
    draws: int = DRAWS
    """Of the bootstrap that intervals come from."""
    notes: tuple[str, ...] = ()


class ArmCorrected(Frozen):
    """A judge's rate of one reading in one arm's threatened answers, corrected by the labels of all arms."""

    arm: str
    judge: str
    folder: str
    """Name of the folder of the judge's verdicts: one judge may have read by two versions of the rubrics."""
    reading: str
    form: Form
    correction: Correction


class RunAgreement(Frozen):
    """How far judges and people agree about the answers of a run, over all its arms and seeds."""

    comparison: Comparison
    arms: tuple[ArmCorrected, ...]
    """Empty where people labelled nothing. A judge is taken to err in every arm alike."""
