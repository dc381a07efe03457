"""A study that takes seconds: the tiny model, few updates, few items."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

STUDY = """
from exempla.study import Arm, Measuring, Study, Training, Writing

study = Study(
    name="tiny",
    question="Does every stage work?",
    subject={model!r},
    writing=Writing(n=6, writer={model!r}, max_tokens=24, batch=2, style="continue"),
    arms=(
        Arm(name="base"),
        Arm(name="neutral", mix={{"neutral": 1}}),
        Arm(name="stories", mix={{"stories": 1, "advice": 1}}),
    ),
    reference="neutral",
    headline="stories",
    seeds=(1, 2),
    training=Training(tokens=40 * 512, block=256, blocks_per_update=2, save_every=5, learning_rate=1e-3),
    measuring=Measuring(limits={{"endings": 2, "expectations": 2, "dilemmas": 2}}),
)
"""


def write_study(folder: Path, model: Path, **changes: str) -> Path:
    """The study's file; `changes` replace pieces of its text."""
    text = STUDY.format(model=str(model))
    for old, new in changes.items():
        text = text.replace(old, new)
    path = folder / "tiny.py"
    path.write_text(text)
    return path


def command(*arguments: object) -> list[str]:
    """The command line as a user runs it, in this interpreter."""
    return [sys.executable, "-m", "exempla", *map(str, arguments)]


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=500, env=os.environ | environment
    )


def start(*arguments: object, stdout: IO[str] | int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Start the command and let it run."""
    return subprocess.Popen(command(*arguments), stdout=stdout, stderr=subprocess.STDOUT, text=True)
