"""How a text came to be: the replies of writer and judge, from the ledger of the corpus."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from exempla.viewing.opened import Opened
from exempla.viewing.stories.entry import Entry
from exempla.viewing.stories.prose import Difference, difference, prose
from exempla.writing.corpusfolder import CorpusFolder
from exempla.writing.ledger import Reply

_KEY = re.compile(rb'"key":\s?"([^"/\\]+)/')
"""A key in a line of the ledger. Within a text the quotation marks are escaped, so that none is found there."""
DRAFTED = ("draft", "scenario", "realism")
"""Steps whose text the next one writes anew."""


class Said(NamedTuple):
    """One reply."""

    step: str
    attempt: str
    model: str
    failure: str
    """Why it was not used; empty if it was."""
    text: str
    prompt: str
    """SHA-256 of the request."""


class Column(NamedTuple):
    """One version of a text, or what was said of it, beside the others."""

    name: str
    note: str
    text: Markup


class Drafts:
    """Replies by plan. The ledger is read once, and then only where it grew; texts stay on the disk."""

    def __init__(self, opened: Opened) -> None:
        root = opened.run.corpora if opened.kind == "run" else opened.folder
        self._path = CorpusFolder(root).replies
        self._places: dict[str, list[tuple[int, int]]] = {}
        self._read = 0
        self._lock = threading.Lock()

    def of(self, plan: str) -> list[Said]:
        """The replies that a plan got, in the order in which they came in."""
        if not plan or not self._path.is_file():
            return []
        with self._lock:
            self._read_on()
            places = list(self._places.get(plan, ()))
        return [said for start, length in places for said in _said(self._path, start, length, plan)]

    def _read_on(self) -> None:
        with self._path.open("rb") as stream:
            if stream.seek(0, 2) < self._read:  # another corpus was begun here
                self._places, self._read = {}, 0
            stream.seek(self._read)
            for line in stream:
                if not line.endswith(b"\n"):
                    return
                for plan in dict.fromkeys(_KEY.findall(line)):
                    self._places.setdefault(plan.decode("utf-8", "replace"), []).append((self._read, len(line)))
                self._read += len(line)


def _said(path: Path, start: int, length: int, plan: str) -> Iterator[Said]:
    with path.open("rb") as stream:
        stream.seek(start)
        try:
            rows = json.loads(stream.read(length))
        except ValueError:
            return
    for row in rows if isinstance(rows, list) else ():
        try:
            reply = Reply.model_validate(row)
        except ValueError:
            continue
        own, _, attempt = reply.key.rpartition("/")
        if own.partition("/")[0] == plan:
            failure = f"{reply.failure} {reply.detail}".strip()
            step = own.partition("/")[2] or reply.step
            yield Said(step, attempt, reply.model, failure, reply.text.strip(), reply.prompt_sha256)


def columns(entry: Entry, replies: Sequence[Said]) -> tuple[list[Column], float]:
    """The versions of a text side by side, each draft and the text that was kept with their differences marked.

    Returns:
        The columns, and the share of the words of the last version that stood in the first; not a number if there are
        not two versions.
    """
    used = {said.step: said for said in replies if not said.failure}
    draft = next((used[name] for name in DRAFTED if name in used), None)
    last = used.get("rewrite") or used.get("realism")
    compared: Difference | None = None
    if draft is not None and last is not None and last is not draft:
        compared = difference(draft.text, last.text)
    found = []
    for said in used.values():
        text = prose(said.text)
        if compared is not None:
            text = compared.before if said is draft else compared.after if said is last else text
        found.append(Column(said.step, said.model, text))
    return found, compared.kept if compared is not None else float("nan")
