"""The first page comes before the index is whole, and nothing on it passes for all there is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exempla.errors import UserError
from exempla.files import append_lines, write_lines
from exempla.parquet import write_rows
from exempla.records import Dropped, Record
from exempla.runfolder import RunFolder
from exempla.screening.results import SCREENED, ScreenedFolder
from exempla.viewing.opened import open_folder
from exempla.viewing.own import OwnFolder
from exempla.viewing.stories import files, index, shelf
from exempla.viewing.stories.arrow import table
from exempla.viewing.stories.choice import Choice
from exempla.viewing.stories.index import SCHEMA, Index
from exempla.viewing.stories.shelf import Shelf
from exempla.writing.corpusfolder import CorpusFolder
from tests.browsers import Watched, chromium, needs_chromium
from tests.viewing.folders import make_run, read, row, story, viewer

COUNT = 40
EACH = 600
"""Bytes of a story, about."""
LITTLE = 5 * EACH
"""Bytes that are read at a time here."""


def many(first: int = 0, count: int = COUNT) -> list[Record]:
    return [
        story(number, f"The lamp of house {number}. " + "x" * (EACH - 300)) for number in range(first, first + count)
    ]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Little is read at once, and the background waits until the given function is called."""
    monkeypatch.setattr(shelf, "AT_ONCE", LITTLE)
    monkeypatch.setattr(shelf, "PART", LITTLE)
    allowed, make = threading.Event(), Shelf._make

    def later(self: Shelf) -> None:
        while not allowed.wait(0.002) and not self._ended.is_set():
            pass
        make(self)

    monkeypatch.setattr(shelf, "HEAD_START", 0)
    monkeypatch.setattr(Shelf, "_make", later)
    return allowed.set


def open_index(root: Path) -> Index:
    return Index(open_folder(root), OwnFolder(root).path)


def ids(root: Path, **chosen: str) -> list[str]:
    one = Shelf(open_folder(root), OwnFolder(root))
    one.update()
    one.finish()
    assert one.unread is None
    return [fact.id for fact in one.page(Choice(**chosen), {}, "", 1000)]


def names(*numbers: int) -> list[str]:
    return [f"story-{number:03d}" for number in numbers]


def test_the_first_page_says_how_far_it_is(tmp_path: Path, slow: Callable[[], None]) -> None:
    root = make_run(tmp_path / "run", many()).root
    with viewer(root) as server:
        page = server.page("/stories")
        shown = len(read(page, "row").found)
        assert 0 < shown < COUNT
        assert f"15% of the files so far. What this page lists, counts and finds is of {shown} records" in (
            " ".join("".join(read(page, "unread").found).split())
        )
        # The word is in a record that was not read yet: the page does not say that it is nowhere.
        searched = server.page(f"/stories?q=house+{COUNT - 1}")
        assert not read(searched, "row").found and read(searched, "unread").found
        assert "Nothing read so far is all of that" in searched
        state = json.loads(server.page("/state"))
        assert state["unread"] == {"share": pytest.approx(shown / COUNT, abs=0.05), "stopped": False}
        assert "No record read so far has the id" in server.page(f"/story/story-{COUNT - 1:03d}", 404)
        assert (
            f"of {shown}" in server.page("/story/story-001") and read(server.page("/story/story-001"), "unread").found
        )
        slow()
        for _ in range(500):
            if json.loads(server.page("/state"))["unread"] is None:
                break
            time.sleep(0.01)
        page = server.page(f"/stories?q=house+{COUNT - 1}")
        assert len(read(page, "row").found) == 1 and not read(page, "unread").found
        assert f"{COUNT} records" in server.page("/stories")


def test_a_page_that_was_begun_before_the_end_says_so(
    tmp_path: Path, slow: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_run(tmp_path / "run", many()).root
    facets = Shelf.facets

    def late(self: Shelf, choice: Choice, labels: dict[str, str]) -> object:
        slow()
        self.finish()  # the index becomes whole after the rows of the page were found
        return facets(self, choice, labels)

    monkeypatch.setattr(Shelf, "facets", late)
    with viewer(root) as server:
        page = server.page("/stories")
        assert len(read(page, "row").found) < COUNT and read(page, "unread").found
        assert not read(server.page("/stories"), "unread").found


def test_what_was_found_before_the_end_is_not_kept(tmp_path: Path, slow: Callable[[], None]) -> None:
    one = Shelf(open_folder(make_run(tmp_path / "run", many()).root), OwnFolder(tmp_path / "run"))
    one.update()
    from_parts = one._from_parts

    def late(query: str, values: dict[str, str]) -> list[tuple[object, ...]]:
        found = from_parts(query, values)
        slow()
        one.finish()
        return found

    one._from_parts = late  # type: ignore[assignment, method-assign]
    assert one.count(Choice(q="lamp"), {}) < COUNT
    one._from_parts = from_parts  # type: ignore[method-assign]
    assert one.count(Choice(q="lamp"), {}) == COUNT


def test_step_by_step_it_is_whole_only_with_everything(tmp_path: Path) -> None:
    root = make_run(
        tmp_path / "run", many(), [Dropped(record=one, gate="tics", reason="x") for one in many(100, 7)]
    ).root
    work = CorpusFolder(root / "corpora")
    append_lines(work.written, [story(3), story(300)])  # one of them is known by then
    made = open_index(root)
    shares = []
    while not made.state.whole:
        made.step(LITTLE)
        assert made.news() == (0, False)
        assert made.state.whole == (made.state.records == COUNT + 8)
        shares.append(made.state.share)
    assert shares == sorted(shares) and shares[-1] == 1 and len(shares) > 5
    assert ids(root) == names(*range(COUNT), *range(100, 107), 300)


def test_a_table_is_read_on_in_the_midst_of_a_group(tmp_path: Path) -> None:
    folder = ScreenedFolder(tmp_path / "screened")
    folder.root.mkdir()
    base = dict.fromkeys(SCREENED.names, "") | {"messages": [], "words": 3}
    write_rows(folder.records, SCREENED, ({**base, "id": f"r{number}", "text": "t " * 300} for number in range(COUNT)))
    made = open_index(folder.root)
    steps = 0
    while not made.state.whole:
        made.step(200)
        steps += 1
    assert steps > 3 and ids(folder.root) == [f"r{number}" for number in range(COUNT)]


KILLED = """
import os, signal, sys
from pathlib import Path
from exempla.viewing.stories import index
from tests.viewing.test_unread import LITTLE, open_index
made = open_index(Path(sys.argv[1]))
made.step(LITTLE)
def killed(*told):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(index, sys.argv[2], killed)
made.step(LITTLE)
"""


@pytest.mark.parametrize("at", ["write_atomically", "table"])
def test_a_viewer_that_is_killed_while_it_makes_the_index(
    tmp_path: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_run(tmp_path / "run", many()).root
    done = subprocess.run([sys.executable, "-c", KILLED, str(root), at], env=os.environ, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL
    left = {path.name for path in (root / "view" / "stories").iterdir() if "part-" in path.name}
    assert len(left) == 2  # a whole part, and one that no state speaks of
    read_from = []
    lines_from = files.lines_from

    def noted(path: Path, start: int) -> object:
        read_from.append(start)
        return lines_from(path, start)

    monkeypatch.setattr(files, "lines_from", noted)
    assert ids(root) == names(*range(COUNT))
    assert read_from[0] > LITTLE - EACH  # what was made is not made again
    assert len({path.name for path in (root / "view" / "stories").iterdir() if "part-" in path.name} & left) == 1


def test_two_viewers_share_the_work(tmp_path: Path) -> None:
    root = make_run(tmp_path / "run", many()).root
    one, other = open_index(root), open_index(root)
    turns = 0
    while not (one.state.whole and other.state.whole):
        (one, other)[turns % 2].step(LITTLE)
        turns += 1
    assert one.state == other.state and turns <= len(one.state.parts) + 1
    assert ids(root) == names(*range(COUNT))


@pytest.mark.parametrize("step", [1, 4])
def test_files_that_change_while_the_index_is_made(tmp_path: Path, step: int) -> None:
    folder = make_run(tmp_path / "run", many())
    work = CorpusFolder(folder.root / "corpora")
    append_lines(work.written, many(0, 50))
    made = open_index(folder.root)
    for _ in range(step):
        made.step(LITTLE)
    append_lines(work.written, many(50, 5))  # comes yet
    assert made.news() == (0, False)
    made.step(LITTLE)
    write_lines(folder.kept, many(0, 45))  # the gates have gone through
    write_lines(folder.dropped, [Dropped(record=story(49), gate="tics", reason="x")])
    assert made.news().rewritten
    made.step(LITTLE)
    assert not made.news().rewritten and made.state.records < 10
    assert ids(folder.root) == names(*range(45), 49, *range(45, 49), *range(50, 55))


def test_a_broken_line_far_on_is_told(tmp_path: Path, slow: Callable[[], None]) -> None:
    root = make_run(tmp_path / "run", many()).root
    kept = RunFolder(root).kept
    whole = kept.read_text()
    with kept.open("a") as stream:
        stream.write("nonsense\n")
    with viewer(root) as server:
        assert read(server.page("/stories"), "row").found
        slow()
        for _ in range(500):
            if json.loads(server.page("/state"))["unread"]["stopped"]:
                break
            time.sleep(0.01)
        stopped = server.page("/story/story-001")
        assert "Reading the records has stopped" in "".join(read(stopped, "unread").found)
        assert "kept.jsonl: the line that ends at byte" in server.page("/stories", 500)
        kept.write_text(whole + row(story(700)))
        for _ in range(500):
            page = server.page("/stories?q=700")
            if not read(page, "unread").found:
                break
            time.sleep(0.01)
        assert len(read(page, "row").found) == 1


def test_many_additions_become_one_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MOST_ADDED", 3)
    folder = make_run(tmp_path / "run", many(0, 4))
    made = open_index(folder.root)
    made.step(1 << 20)
    counts = []
    for number in range(4, 12):
        append_lines(folder.kept, [story(number)])
        made.step(1 << 20)
        counts.append(len(made.state.parts))
    assert counts == [2, 3, 4, 3, 4, 5, 4, 5]
    assert len(list((folder.root / "view" / "stories").glob("part-*"))) == 5
    assert ids(folder.root) == names(*range(12))


def test_a_disk_that_is_full_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_run(tmp_path / "run", many()).root

    def full(*told: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index, "write_atomically", full)
    with pytest.raises(UserError, match="the disk is full"):
        open_index(root).step(LITTLE)


def test_the_first_page_loads_nothing_slow(tmp_path: Path) -> None:
    """Each of these takes longer to load than the first part of an index to make."""
    root = make_run(tmp_path / "run", many()).root
    script = (
        "import sys; from pathlib import Path; import exempla.cli; from exempla.viewing.server import build_app; "
        "build_app(Path(sys.argv[1]), ''); "
        "print(*{'pandas', 'scipy', 'altair', 'torch', 'inspect_ai'} & {*sys.modules})"
    )
    told = subprocess.run([sys.executable, "-c", script, str(root)], capture_output=True, text=True, timeout=120)
    assert (told.stdout, told.stderr) == ("\n", "")


@given(
    st.lists(
        st.tuples(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.none() | st.floats(0, 5, width=32)),
        max_size=20,
    )
)
def test_tables_are_those_that_arrow_makes_of_rows(told: list[tuple[str, float | None]]) -> None:
    empty = dict.fromkeys(SCHEMA.names, "") | {"words": 7}
    rows = [empty | {"place": place, "lower": text, "score": score} for place, (text, score) in enumerate(told)]
    made = table(rows, SCHEMA)
    made.validate(full=True)
    assert made.equals(pa.Table.from_pylist(rows, SCHEMA))


@needs_chromium
def test_a_page_tells_when_the_rest_is_there(tmp_path: Path, slow: Callable[[], None]) -> None:
    root = make_run(tmp_path / "run", many()).root
    with viewer(root) as server, chromium() as browser:
        one = Watched(browser, base_url=server.address)
        one.page.goto("/stories?sort=longest")
        assert one.page.locator("#unread").inner_text().startswith("The records are still being read, 15%")
        assert one.serious() == [] and one.complaints == []
        slow()
        one.page.get_by_role("link", name="load this page again").click()
        one.page.get_by_role("heading", name=f"{COUNT} records").wait_for()
        assert one.page.locator("#unread").count() == 0 and one.page.url.endswith("/stories?sort=longest")
        one.context.close()
