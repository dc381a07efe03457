"""A record as gates read it: its texts, their words and the words' numbers, each made once and when first asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial

from exempla.records import Record
from exempla.screening.capitals import Written, capitalised
from exempla.screening.words import Hashes, hashed, run_hashes, words


class Wording:
    """One text and its words."""

    def __init__(self, load: Callable[[], str], hashes: Hashes | None = None) -> None:
        self._load = load
        if hashes is not None:
            self.hashes = hashes  # takes the place of the cached property

    @cached_property
    def text(self) -> str:
        """The text itself."""
        return self._load()

    @cached_property
    def words(self) -> list[str]:
        """In lower case, without punctuation."""
        return words(self.text)

    @cached_property
    def hashes(self) -> Hashes:
        """One number a word, the same in every process."""
        return hashed(self.words)

    def runs(self, length: int) -> Hashes:
        """One number for every run of `length` words, in order."""
        return run_hashes(self.hashes, length)

    def phrase(self, start: int, length: int) -> str:
        """The words of one run, for a reason."""
        return " ".join(self.words[start : start + length])


class Reading:
    """A record, read."""

    def __init__(self, record: Record | Callable[[], Record], hashes: Hashes | None = None) -> None:
        if isinstance(record, Record):
            self.record = record  # takes the place of the cached property
        else:
            self._record = record
        self.whole = Wording(lambda: self.record.whole_text(), hashes)
        """All words of the record, those of other speakers included."""

    @classmethod
    def of_text(cls, text: str) -> Reading:
        """A text that is no record of a corpus."""
        return cls(Record(id="text", corpus="none", text=text))

    @cached_property
    def record(self) -> Record:
        """The record itself."""
        return self._record()

    @cached_property
    def said(self) -> Wording:
        """All words but those of a system prompt, which many conversations share on purpose."""
        turns = self.record.messages
        if not any(turn.role == "system" for turn in turns):
            return self.whole
        return Wording(partial("\n\n".join, [turn.content for turn in turns if turn.role != "system"]))

    @property
    def id(self) -> str:
        """The record's."""
        return self.record.id

    @cached_property
    def taught(self) -> Wording:
        """What the loss is taken on: the whole text, or the assistant's last turn."""
        return self.whole if self.record.text else Wording(self.record.taught_text)

    @cached_property
    def capitals(self) -> dict[str, Written]:
        """The capitalised words of what is taught that may be names."""
        return capitalised(self.taught.text, self.taught.hashes)

    @cached_property
    def score(self) -> float:
        """Mean of the judge's scores; 0 if nobody judged the text."""
        scores = self.record.scores
        return sum(scores.values()) / len(scores) if scores else 0.0
