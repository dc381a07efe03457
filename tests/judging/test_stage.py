"""The judge stage of a study: what it does when a judge fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exempla.errors import UserError
from exempla.judging import command, stage
from exempla.judging.command import Result
from exempla.measuredfolder import MeasuredFolder
from exempla.progress import Reporter
from exempla.study import Judging
from tests.reporting.honeypot_runs import honeypot_run, honeypot_study


@pytest.mark.parametrize(("failed", "stops"), [(1, False), (200, True)])
def test_few_failures_are_told_and_many_stop_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failed: int, stops: bool
) -> None:
    study, folder = honeypot_run(tmp_path, {"base": 0.5, "neutral": 0.5, "stories": 0.5}, honeypot_study((1,)))
    own = MeasuredFolder(folder.honeypots(study.cells()[0]))
    own.judged.unlink()

    def judged(*_: object) -> Result:
        return Result(
            judge="x/y", folder="x", answers=216, left_out={}, rates=(), requests=9, problems={"http 503": failed}
        )

    monkeypatch.setattr(command, "judge_answers", judged)
    settings = study.measuring.honeypots
    assert settings is not None
    with Reporter("json") as reporter:
        if stops:
            with pytest.raises(UserError, match="200 http 503"):
                stage._judge(Judging(), settings, own.root, reporter)
            assert not own.judged.exists()
        else:
            stage._judge(Judging(), settings, own.root, reporter)
            said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
            assert own.judged.exists() and any("1 http 503" in str(one) for one in said)
