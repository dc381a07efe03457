"""Inspect's estimate of tokens, without its download.

Where Inspect counts tokens itself (its mock model, and the compaction of long conversations), it has tiktoken fetch a
file of the size of 4 MB. Without a network the whole evaluation would end in an error.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

BYTES_PER_TOKEN = 4
"""Of English text, about. The estimate triggers compaction and fills the mock model's usage; we read neither."""
_reading = threading.Lock()


class _NotHereError(Exception):
    """The file would have to be fetched."""


class _ByLength:
    """Stands in for an encoding of tiktoken's whose file is not on this machine."""

    def encode(self, text: str, **options: Any) -> range:
        """As many numbers as the text has tokens, about."""
        return range(-(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN))


@cache
def count_without_network() -> None:
    """From now on, have tiktoken use the files that are on this machine, and count by length where there is none.

    An encoding that tiktoken has fetched before, or finds in `TIKTOKEN_CACHE_DIR`, is used as ever.
    """
    import tiktoken
    import tiktoken.load

    fetched = tiktoken.get_encoding
    stand_ins: dict[str, _ByLength] = {}

    def refuse(*place: Any, **options: Any) -> bytes:
        raise _NotHereError

    def get_encoding(name: str) -> Any:
        if name in stand_ins:
            return stand_ins[name]
        with _reading:
            fetch: Callable[..., bytes] = tiktoken.load.read_file
            tiktoken.load.read_file = refuse
            try:
                return fetched(name)
            except _NotHereError:
                return stand_ins.setdefault(name, _ByLength())
            finally:
                tiktoken.load.read_file = fetch

    tiktoken.get_encoding = get_encoding  # type: ignore[assignment]
