"""Appends from many tasks at once, so that what came in together is written and synced together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

GATHER = 0.003
"""Seconds that a write waits for company. One sync of the disk then serves all that finished meanwhile."""


class Appender:
    """Appends rows to a file; `add` returns when the row is on the disk. Use it as an asynchronous context manager.

    `join` makes the bytes of one group of rows; what it returns must end with a newline. A process that dies in the
    middle of a group leaves a torn last line, which `files.mend_torn_tail` cuts off.
    """

    def __init__(self, path: Path, join: Callable[[Sequence[bytes]], bytes] = b"".join) -> None:
        self.path = path
        self.size = 0
        """Bytes in the file, those of the group being written not included."""
        self._join = join
        self._waiting: list[tuple[bytes, asyncio.Future[tuple[int, int, int]]]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._writing = False
        self._failure: BaseException | None = None
        self._descriptor = -1

    async def __aenter__(self) -> Appender:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        self.size = os.fstat(self._descriptor).st_size
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        # A write in its thread is waited for too: it would go on into whatever takes the descriptor's number next.
        while (self._waiting or self._writing) and self._failure is None:
            await asyncio.sleep(GATHER)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        os.close(self._descriptor)

    async def add(self, row: bytes) -> tuple[int, int, int]:
        """Append a row; returns where its group begins, the group's length in bytes, and the row's place in it.

        Raises:
            OSError: the disk is full, for instance; every later row gets the same error.
        """
        if self._failure is not None:
            raise self._failure
        future: asyncio.Future[tuple[int, int, int]] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, future))
        self._wake.set()
        return await future

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER)
            self._wake.clear()
            group, self._waiting, self._writing = self._waiting, [], True
            content = self._join([row for row, _ in group])
            try:
                await asyncio.to_thread(self._write, content)
            except OSError as error:
                self._failure = error
                for _, future in group + self._waiting:
                    if not future.done():
                        future.set_exception(error)
                return
            for place, (_, future) in enumerate(group):
                if not future.done():
                    future.set_result((self.size, len(content), place))
            self.size += len(content)
            self._writing = False

    def _write(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:  # a write may be short on a full disk; the next one then raises ENOSPC
            rest = rest[os.write(self._descriptor, rest) :]
        os.fsync(self._descriptor)
