"""Tasks of EleutherAI's lm-evaluation-harness on a subject in this process, where that package is installed.

It is no part of exempla, and fetches its data sets from a hub unless they are on this machine. A task of one's own is a
YAML file in its form, and its data may be a file here. Used with lm-eval 0.4.13.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exempla.errors import UserError
from exempla.models.identity import standing_on, tokenizer_of
from exempla.models.request import Connection
from exempla.records import Frozen

PREFIX = "lm-eval:"


class Result(Frozen):
    """One figure of one task, as lm-eval tells it."""

    task: str
    metric: str
    value: float
    stderr: float | None


def tasks_of(text: str, connection: Connection) -> list[str]:
    """The tasks that are named as `lm-eval:TASK,TASK`, each one of lm-eval's own or a YAML file; none if nothing is.

    Raises:
        UserError: they are named otherwise, a file is not there, the subject does not run in this process, or lm-eval
            is not installed.
    """
    if not text:
        return []
    names = [name.strip() for name in text.removeprefix(PREFIX).split(",") if name.strip()]
    if not text.startswith(PREFIX) or not names:
        raise UserError(f"--battery {text!r}: write {PREFIX}TASK,TASK, for instance {PREFIX}arc_easy,hellaswag")
    for name in names:
        if ("/" in name or name.endswith((".yaml", ".yml"))) and not Path(name).expanduser().is_file():
            raise UserError(f"--battery: {name} is no file; give a task's YAML file, or the name of an lm-eval task")
    if not connection.local:
        raise UserError("--battery runs on a subject in this process only; give `embedded` or a model folder")
    try:
        import lm_eval  # noqa: F401
    except ImportError as error:
        raise UserError("--battery: lm-eval is not installed; pip install lm-eval") from error
    return names


def run(name: str, tasks: Sequence[str]) -> list[Result]:
    """Run tasks on a subject, on the device and in the number format of all else here, and otherwise with lm-eval's
    own defaults.

    Raises:
        UserError: lm-eval does not know a task, or its data cannot be had.
    """
    import lm_eval

    from exempla.models.subject import best_device, best_dtype, resolve

    base, adapters = standing_on(name)
    if len(adapters) > 1:
        raise UserError(f"{name}: an adapter on an adapter is nothing that lm-eval can load; merge them first")
    arguments = {"pretrained": resolve(base), "tokenizer": resolve(tokenizer_of(name))}
    arguments |= {"peft": str(adapters[0].absolute())} if adapters else {}
    device = best_device()
    arguments["dtype"] = str(best_dtype(device)).removeprefix("torch.")
    try:
        # Its own default is a CUDA device, whether there is one or not.
        found = lm_eval.simple_evaluate(model="hf", model_args=arguments, tasks=list(tasks), device=str(device))
    except Exception as error:  # data sets that cannot be fetched, unknown tasks: each has its own type
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"lm-eval: {said[:200]}; see to its tasks and data sets, or leave --battery out") from error
    return [one for task, values in (found or {}).get("results", {}).items() for one in _results(task, values)]


def _results(task: str, values: dict[str, Any]) -> list[Result]:
    """lm-eval names a metric `acc,none`, and its standard error `acc_stderr,none`."""
    found: list[Result] = []
    for key, value in values.items():
        metric, _, rest = key.partition(",")
        if rest and not metric.endswith("_stderr") and isinstance(value, int | float):
            stderr = values.get(f"{metric}_stderr,{rest}")
            spread = float(stderr) if isinstance(stderr, int | float) else None
            found.append(Result(task=task, metric=metric, value=float(value), stderr=spread))
    return found
