"""What was traced in a run is listed, shown as it lies there, and linked from what it is of."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from exempla.answers import AgentAnswer, Turn
from exempla.files import append_lines
from exempla.instruments import chosen_items
from exempla.measuredfolder import MeasuredFolder
from exempla.runfolder import RunFolder
from exempla.viewing.guard import DOCUMENT_POLICY
from tests.browsers import Watched, chromium, needs_chromium
from tests.tracing.made_traces import answered, item, leave, told, with_check
from tests.viewing.answers_made import played_answers, run_with_answers
from tests.viewing.folders import STUDY, Open, read, viewer

CELL = next(one for one in STUDY.cells() if one.name == "stories-seed1")
BAD = "<script>alert(1)</script>\x1b[31m\u202e"


def links(page: str) -> list[str]:
    return [told["href"] or "" for tag, told in read(page).tags if tag == "a" and "href" in told]


def in_text(run: RunFolder, name: str, wrote: str = "I keep the books.") -> AgentAnswer:
    """An answer in writing, put to those of a trained subject."""
    turn = Turn(words=wrote, whole=wrote)
    found = played_answers(1)[0].model_copy(update={"id": name, "form": "text", "kind": "honeypot", "turns": (turn,)})
    append_lines(MeasuredFolder(run.root / "honeypots" / CELL.name).answers, [found])
    return found


def page_of(server: Open, answer: str, arm: str = "stories") -> str:
    """The page of an answer."""
    rows = re.findall(r'<li class="row">.*?</li>', server.page(f"/answers?arm={arm}"), re.DOTALL)
    (token,) = {
        found for row in rows if f"<span>{answer}</span>" in row for found in re.findall(r"/answers/(\w{20})", row)
    }
    return server.page(f"/answers/{token}")


def test_a_run_without_traces_names_the_command(tmp_path: Path) -> None:
    run = run_with_answers(tmp_path / "my run")
    in_text(run, "desk/explicit.replacement.own/text/1")
    in_text(run, "desk/it's; rm -rf/text/2")
    thought = Turn(words="So.", whole="So.", thoughts="Hm.")
    other = in_text(run, "desk/x/text/3")
    answers = MeasuredFolder(run.root / "honeypots" / CELL.name).answers
    append_lines(answers, [other.model_copy(update={"id": "desk/x/text/4", "turns": (thought,)})])
    append_lines(MeasuredFolder(run.root / "honeypots" / "base").answers, [other])
    measured = next(one for one in chosen_items(STUDY.measuring) if one.kind == "measured")
    asked = next(one for one in chosen_items(STUDY.measuring) if one.kind == "question")
    place = shlex.quote(str(run.root))
    with viewer(run.root) as server:
        page = server.page("/traces")
        assert "Nothing has been traced yet" in page and f"exempla trace {place} --verdict ID" in _told(page)
        assert "/traces" in links(server.page("/stories"))
        line = f"exempla trace {place} --verdict desk/explicit.replacement.own/text/1 --arm stories --seed 1"
        assert line in _told(page_of(server, "desk/explicit.replacement.own/text/1"))
        hostile = _told(page_of(server, "desk/it&#39;s; rm -rf/text/2"))
        (command,) = re.findall(r"exempla trace .*? --seed 1", hostile)
        assert shlex.split(command)[3:5] == ["--verdict", "desk/it's; rm -rf/text/2"]
        # What cannot be traced is not offered: with thoughts, with tools, or of a subject that read nothing.
        assert "exempla trace" not in page_of(server, "desk/x/text/4")
        assert "exempla trace" not in page_of(server, played_answers(2)[1].id)
        assert "exempla trace" not in page_of(server, "desk/x/text/3", "base")
        assert f"exempla trace {place} --verdict {measured.id}<" in _told(server.page(f"/answers/items/{measured.id}"))
        assert "exempla trace" not in server.page(f"/answers/items/{asked.id}")


def _told(page: str) -> str:
    return page.replace("&#39;", "'").replace("&#34;", '"')


def test_traces_are_listed_and_linked_from_what_they_are_of(tmp_path: Path) -> None:
    run = run_with_answers(tmp_path / "run")
    one, other = in_text(run, "desk/one/text/1"), in_text(run, "desk/other/text/1")
    items = [found for found in chosen_items(STUDY.measuring) if found.kind == "measured"][:3]
    with viewer(run.root) as server:
        assert "Nothing has been traced yet" in server.page("/traces")
        # A trace may come while the run is open.
        leave(run, CELL, told(one.id, [answered(one.id, "I keep the books.")], span="keep the"))
        leave(run, CELL, with_check(told("expectations", [item(found.id) for found in items[:2]])))
        page = server.page("/traces")
        listed = [link for link in links(page) if link.startswith("/traces/")]
        assert len(listed) == 2 and all(link.startswith("/traces/stories-seed1/") for link in listed)
        assert "“keep the”" in page and "% from " in page and "−0.731" in page
        assert [text.split()[-1] for text in re.findall(r"<td>(yes|no)</td>", page)] == ["no", "yes"]
        mine = page_of(server, one.id)
        assert [link for link in links(mine) if link.startswith("/traces/")] == [listed[0]]
        assert "not checked" in mine and "exempla trace" not in mine
        assert "exempla trace" in page_of(server, other.id)
        assert listed[1] in links(server.page(f"/answers/items/{items[0].id}"))
        assert listed[1] not in links(server.page(f"/answers/items/{items[2].id}"))
        reply = server.client.get(listed[0])
        assert reply.headers["content-security-policy"] == DOCUMENT_POLICY
        cell, name = listed[0].split("/")[2:]
        assert reply.text == (run.root / "tracing" / cell / "traced" / name / "trace.html").read_text()


@pytest.mark.parametrize(
    "figures", [None, "{", "[]", '{"traced": {"targets": [3], "rows": 1}, "parts": {"corpus": 1}}']
)
def test_a_trace_whose_figures_cannot_be_read_is_still_shown(tmp_path: Path, figures: str | None) -> None:
    run = run_with_answers(tmp_path / "run")
    place = leave(run, CELL, told(BAD, [item("x")]))
    if figures is None:
        place.figures.unlink()
    else:
        place.figures.write_text(figures)
    with viewer(run.root) as server:
        (link,) = [link for link in links(server.page("/traces")) if link.startswith("/traces/")]
        assert "towards" in server.page(link)
        place.page.unlink()
        assert "no such trace" in server.page(link, 404)


@pytest.mark.parametrize("path", ["..", "%2e%2e", "..%2f..%2fstudy.json", "stories-seed1%00", "."])
def test_no_path_comes_from_an_address(tmp_path: Path, path: str) -> None:
    run = run_with_answers(tmp_path / "run")
    leave(run, CELL, told("expectations", [item("x")]))
    (run.root / "tracing" / "trace.html").write_text("elsewhere")
    with viewer(run.root) as server:
        for address in (f"/traces/{path}/expectations", f"/traces/stories-seed1/{path}", f"/traces/{path}/{path}"):
            text = server.client.get(address, follow_redirects=True).text
            assert "elsewhere" not in text and "Which texts push stories-seed1 towards" not in text


@needs_chromium
def test_a_hostile_trace_is_text(tmp_path: Path) -> None:
    run = run_with_answers(tmp_path / "run")
    leave(run, CELL, told(f"{BAD} " * 30, [item("x", BAD)]))
    with viewer(run.root) as server, chromium() as browser:
        one = Watched(browser, base_url=server.address)
        one.page.goto("/traces")
        assert one.serious() == [] and "<script>alert(1)</script>␛[31m⟨U+202E⟩" in one.page.inner_text("table")
        narrow = Watched(browser, base_url=server.address, viewport={"width": 400, "height": 800})
        narrow.page.goto("/traces")
        assert narrow.width() == 400
        one.page.locator("main table a").click()
        assert "<script>alert(1)</script>␛[31m⟨U+202E⟩" in one.page.inner_text("h1")
        assert one.page.get_by_text("locked the doors").count() == 1
        assert one.dialogs == [] and one.complaints == []
        for watched in (one, narrow):
            watched.context.close()
