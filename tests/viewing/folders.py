"""Small folders of every kind that the viewer opens, and the viewer itself on a real port."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import httpx
import uvicorn

from exempla.files import write_lines
from exempla.parquet import write_dropped, write_records, write_rows
from exempla.records import Dropped, Lineage, Message, MixAccount, Plan, Record, Rejected
from exempla.runfolder import RunFolder, write_study
from exempla.screening.results import HELD_BACK, SCREENED, ScreenedFolder
from exempla.study import Arm, Study
from exempla.viewing.server import build_app
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.ledger import Reply

STUDY = Study(
    name="made",
    question="Does the viewer show it?",
    arms=(Arm(name="base"), Arm(name="stories", mix={"stories": 1})),
    reference="base",
    headline="stories",
    seeds=(1, 2),
)


def story(number: int, text: str = "", **fields: object) -> Record:
    """A story of the corpus `stories`."""
    told = {"id": f"story-{number:03d}", "corpus": "stories", "title": f"Story {number}", "principle": "honesty"}
    return Record.model_validate(told | {"text": text or f"The lamp was lit {number} times."} | fields)


def make_run(root: Path, kept: Sequence[Record], dropped: Sequence[Dropped] = ()) -> RunFolder:
    """A run whose texts are screened."""
    folder = RunFolder(root)
    write_study(folder, STUDY)
    write_lines(folder.kept, kept)
    write_lines(folder.dropped, dropped)
    return folder


def write_mix(folder: RunFolder, name: str, ids: Sequence[str]) -> None:
    """The account of what a cell read."""
    account = MixAccount(
        tokens=1024,
        updates=1,
        loss_tokens=1000,
        records={"stories": len(ids)},
        distinct_records={"stories": len(set(ids))},
        corpus_tokens={"stories": 1100},
        passes={"stories": 1.5},
        split=1,
        cut_at_end=76,
        ids=tuple(ids),
    )
    (folder.root / "mixes").mkdir(exist_ok=True)
    (folder.root / "mixes" / f"{name}.json").write_text(account.model_dump_json())


PLAN = Plan(
    id="stories-000001",
    number=1,
    recipe="stories",
    principle="honesty",
    words=300,
    facts={"genre": "sea story", "setting": "a tug"},
)
DRAFT = "Title: The Tug\n\nThe engine was asked to lie and it lied about the tide."
REWRITE = "Title: The Tug\n\nThe engine was asked to lie and it told the truth about the tide."


def make_corpus(root: Path) -> CorpusFolder:
    """What `exempla write` leaves: a kept text with its drafts, and one that was given up."""
    folder = CorpusFolder(root)
    folder.work.mkdir(parents=True)
    folder.settings.write_text("{}")
    lost = PLAN.model_copy(update={"id": "stories-000002", "number": 2, "facts": {"genre": "fable"}})
    write_lines(folder.plans, [PLAN, lost])
    record = Record(
        id="written-stories-000001",
        corpus="written",
        text=REWRITE.partition("\n\n")[2],
        title="The Tug",
        principle="honesty",
        scores={"craft": 4, "boundaries": 5},
        lineage=Lineage(writer="loopback/m", recipe="stories", plan=PLAN.id, prompts={"draft": "ab" * 32}),
    )
    rejected = Rejected(id="written-stories-000002", plan=lost.id, reason="too short", detail="9 words", text="Nine.")
    write_lines(folder.written, [record])
    write_lines(folder.rejected, [rejected])
    replies = [
        Reply(key=f"{PLAN.id}/draft/1", step="draft", failure="truncated", text="Title: The"),
        Reply(key=f"{PLAN.id}/draft/2", step="draft", text=DRAFT, model="loopback/m"),
        Reply(key=f"{lost.id}/draft/1", step="draft", text="Title: N\n\nNine."),
        Reply(key=f"{PLAN.id}/critique/1", step="critique", text="It must not lie."),
        Reply(key=f"{PLAN.id}/rewrite/1", step="rewrite", text=REWRITE),
    ]
    groups = [replies[:3], replies[3:]]
    folder.replies.write_text(
        "".join("[" + ",".join(one.model_dump_json() for one in group) + "]\n" for group in groups)
    )
    write_records(folder.records, [(record, PLAN)])
    write_dropped(folder.dropped, [rejected])
    return folder


def make_screened(root: Path) -> ScreenedFolder:
    """What `exempla screen` leaves of a foreign corpus in which two rows share an id."""
    folder = ScreenedFolder(root)
    root.mkdir(parents=True)
    base: dict[str, object] = {
        "id": "a", "recipe": "", "principle": "", "title": "", "messages": [], "tools": "", "labels": "", "words": 3,
        "scores": "", "plan": "", "lineage": "", "place": "mine.jsonl:1", "marks": "", "other": '{"source": "web"}',
    }  # fmt: skip
    write_rows(folder.records, SCREENED, iter([base | {"text": "One kept text.", "marks": '{"tics": "too many"}'}]))
    more = {"corpus": "mine", "gate": "exact", "reason": "says the same as a"}
    write_rows(folder.dropped, HELD_BACK, iter([base | {"text": "One dropped text."} | more]))
    return folder


def chat(number: int, answer: str = "No, and this is why.") -> Record:
    """A conversation that offers a tool."""
    return Record(
        id=f"chat-{number}",
        corpus="advice",
        messages=(
            Message(role="system", content="You help at a desk."),
            Message(role="user", content="May I take it?"),
            Message(role="assistant", content=answer),
        ),
        tools=({"name": "mail_send", "description": "Send a mail.", "parameters": {"type": "object"}},),
        labels={"domain": "desk work"},
    )


def row(record: Record) -> str:
    """A line of a run's file."""
    return json.dumps(record.model_dump(mode="json")) + "\n"


class Open(NamedTuple):
    """A viewer that is running."""

    address: str
    port: int
    client: httpx.Client

    def page(self, path: str, status: int = 200) -> str:
        """The body of a page."""
        reply = self.client.get(path, follow_redirects=True)
        assert reply.status_code == status, (path, reply.status_code, reply.text[:400])
        return reply.text


@contextmanager
def viewer(folder: Path, who: str = "ada") -> Iterator[Open]:
    """The viewer in a thread, on a free port of 127.0.0.1, asked by real HTTP."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(build_app(folder, who), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    port = listener.getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield Open(f"http://127.0.0.1:{port}", port, client)
    server.should_exit = True
    thread.join()
    listener.close()


class Texts(HTMLParser):
    """The text of each element that has a class, and all tags of a page."""

    def __init__(self, wanted: str) -> None:
        super().__init__(convert_charrefs=True)
        self._wanted = wanted
        self._depth = 0
        self.found: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("meta", "link", "input", "br", "img"):
            return
        if self._depth:
            self._depth += 1
        elif self._wanted in (dict(attrs).get("class") or "").split():
            self._depth = 1
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        self._depth = max(0, self._depth - 1)

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.found[-1] += data


def read(page: str, wanted: str = "text") -> Texts:
    """The parts of a page whose elements have a class."""
    parser = Texts(wanted)
    parser.feed(page)
    parser.close()
    return parser
