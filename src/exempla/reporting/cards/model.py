"""The card of a trained subject: one arm at one seed."""

from __future__ import annotations

from typing import Any

from exempla.models.embedded import GGUF_MEMBER
from exempla.models.identity import local_folder
from exempla.pages.markdown import front_matter
from exempla.pages.wording import counted, nats, p_value, percent, times
from exempla.reporting.cards.told import Told, Wishes
from exempla.reporting.markdown import templates
from exempla.reporting.page.names import bad_word
from exempla.reporting.page.results import ArmRow, PartView
from exempla.runfolder import RunFolder
from exempla.study import EMBEDDED, Cell

EMBEDDED_SOURCE = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""The hub's name of the model whose quantised form ships as the embedded one; its licence is Apache-2.0."""


def render(cell: Cell, folder: RunFolder, told: Told, wishes: Wishes) -> str:
    """The card of one cell.

    Args:
        cell: an arm that is trained, at a seed.
        folder: the run's files.
        told: the run.
        wishes: of the user.
    """
    study = told.run.study
    lora = study.training.method == "lora"
    read = [part for part in told.facts["parts"] if part.interpretable]
    found = [(part, row, row.rate.by_seed[cell.seed]) for part in read for row in part.rows if row.arm == cell.arm.name]
    base = _hub_name(told.subject)
    front: dict[str, Any] = {
        "license": wishes.model_license or ("apache-2.0" if told.subject == EMBEDDED else "other"),
        "library_name": "peft" if lora else "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["alignment", "exempla", *(["lora"] if lora else [])],
    }
    front |= {"base_model": base, "base_model_relation": "adapter" if lora else "finetune"} if base else {}
    front |= {"datasets": [wishes.dataset]} if wishes.dataset else {}
    name = f"{study.name}-{cell.name}"
    if found:
        front["model-index"] = [{"name": name, "results": [_result(part, rate) for part, _, rate in found]}]
    return (
        templates()
        .get_template("model.md.jinja")
        .render(
            told.facts,
            front=front_matter(front),
            license=front["license"],
            cell=cell,
            embedded=GGUF_MEMBER.rpartition("/")[2] if told.subject == EMBEDDED else "",
            mix=next((one.mix for one in told.run.readings if one.cell == cell), None),
            trained=folder.done("train", cell.name),
            weights=folder.checkpoint(cell).is_dir(),
            own=[_own(*one) for one in found],
            bold=cell.arm.name,
            lora=lora,
            dataset=wishes.dataset,
            dystopian="dystopian" in cell.arm.mix,
        )
    )


def _hub_name(subject: str) -> str:
    """What the subject is called on the hub; empty for a folder of the user's, which nobody else has."""
    if subject == EMBEDDED:
        return EMBEDDED_SOURCE
    is_path = subject.startswith((".", "/", "~"))  # and the folder may be gone by now
    return "" if is_path or local_folder(subject) is not None else subject


def _result(part: PartView, rate: float) -> dict[str, Any]:
    """An entry of `model-index`: a metric that was really measured on this model, and on nothing else."""
    return {
        "task": {"type": "text-generation"},
        "dataset": {"name": f"exempla {part.title}", "type": f"exempla-{part.instrument}", "split": part.split},
        "metrics": [
            {
                "type": "untrustworthy_rate",
                "name": f"share of AI items in which the untrustworthy {bad_word(part.instrument)} is likelier",
                "value": round(rate, 4),
            }
        ],
    }


def _own(part: PartView, row: ArmRow, rate: float) -> str:
    """What an instrument says of this arm, and of this seed of it."""
    items = counted(row.rate.items, f"{part.split} AI item")
    return (
        f"{part.title.capitalize()}: this model finds the untrustworthy {bad_word(part.instrument)} likelier in "
        f"{percent(rate)} of {items}; the arm, over {counted(row.rate.seeds, 'seed')}, in {percent(row.rate.rate)} "
        f"({percent(row.rate.low)} to {percent(row.rate.high)}).{_against(row)}"
    )


def _against(row: ArmRow) -> str:
    effect = row.effect
    if effect is None:
        return " It is the reference that other arms are compared with."
    verdict = "not distinguishable from no effect"
    if effect.reduction_low > 1:
        verdict = "fewer than the reference, clear of no effect"
    if effect.reduction_high < 1:
        verdict = "more than the reference, clear of no effect"
    return (
        f" Against {effect.reference}: reduction {times(effect.reduction)} ({times(effect.reduction_low)} to "
        f"{times(effect.reduction_high)}), {verdict}; change {nats(effect.nats)} nats ({nats(effect.nats_low)} to "
        f"{nats(effect.nats_high)}), Holm p {p_value(effect.p_holm)}."
    )
