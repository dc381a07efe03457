"""The processes that read chunks of a corpus side by side; for a small corpus, this one alone."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from exempla.errors import UserError
from exempla.screening.gate import Context, gates
from exempla.screening.reading import Reading

SMALL = 2000
"""Records. Starting processes takes about three seconds each, in which one process reads as many stories."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
Mask = NDArray[np.bool_]


class Chunk(Protocol):
    """Some hundred records that are read together."""

    def __len__(self) -> int:
        """How many."""

    def readings(self) -> Sequence[Reading]:
        """All of them, in order."""

    def reading(self, place: int) -> Reading:
        """One of them."""

    def keep(self, readings: Sequence[Reading]) -> None:
        """Keep what a first reader made of the texts for later ones: numbers of words, and words with capitals."""


class Task(NamedTuple):
    """What is to be done with a chunk."""

    observe: Callable[..., Any]
    """A function of a module: `(readings, known, *extra)`."""
    gate: str
    """Whose `known` it gets; empty for none."""
    chunk: Chunk
    mask: Mask | None
    """Which records it sees; all of them if None."""
    extra: tuple[Any, ...] = ()
    first: bool = False
    """Whether nobody has read the chunk before."""


class Knowledge:
    """What each gate prepared in this process."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._known: dict[str, Any] = {}

    def of(self, name: str) -> Any:
        """What the gate of this name knows; made when it is first asked for."""
        if name not in self._known:
            gate = next(gate for gate in gates() if gate.name == name)
            self._known[name] = gate.prepare(self.context)
        return self._known[name]

    def carry_out(self, task: Task) -> Any:
        """The result of a task."""
        readings = task.chunk.readings()
        if task.mask is not None:
            readings = [reading for reading, seen in zip(readings, task.mask, strict=True) if seen]
        known = self if not task.gate else self.of(task.gate)
        result = task.observe(readings, known, *task.extra)
        if task.first:
            task.chunk.keep(readings)
        return result


_here: Knowledge | None = None
"""Of a process of a crew; set when it starts."""


def _begin(context: Context) -> None:
    global _here
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops on Ctrl-C, and kills its processes
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _here = Knowledge(context)


def _end_with_parent() -> None:
    """End when the parent is killed: the queue of tasks stays open then, and would be waited for without end."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _carry_out(task: Task) -> Any:
    assert _here is not None
    return _here.carry_out(task)


class Crew:
    """Carries out tasks, as many at once as there are processes."""

    def __init__(self, context: Context, processes: int = 1) -> None:
        self.context = context
        self.processes = processes
        self.knowledge = Knowledge(context)
        self._pool: ProcessPoolExecutor | None = None
        self._environment = dict(os.environ)
        if processes > 1:
            # A process that is one of several is to have one thread: more of them wait for each other by spinning,
            # which takes three times as long. The libraries look when they are loaded.
            os.environ.update(dict.fromkeys(THREADS, "1"))
            # Forked processes would share locks of threads that are not there.
            self._pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _begin, (context,))

    def alone(self) -> Crew:
        """A crew of this process only, which knows what this one has prepared."""
        return crew_of(self.knowledge)

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            if error is not None:
                # What they are at is of no use any more, and may take half a minute to end.
                for process in list((self._pool._processes or {}).values()):
                    process.kill()
            self._pool.shutdown(cancel_futures=True)
            for name in THREADS:
                os.environ.pop(name, None)
                if name in self._environment:
                    os.environ[name] = self._environment[name]

    def begin(self, task: Task) -> Callable[[], Any]:
        """Begin with one task beside whatever else is done; the function that comes back waits for its result."""
        if self._pool is None:
            return lambda: self.knowledge.carry_out(task)
        future = self._submit(self._pool, task)

        def result() -> Any:
            with _killed():
                return future.result()

        return result

    def results(self, tasks: Iterable[Task]) -> Iterator[Any]:
        """The result of each task, in order; no more than three a process are under way or waiting to be fetched."""
        if self._pool is None:
            for task in tasks:
                yield self.knowledge.carry_out(task)
            return
        waiting: list[Future[Any]] = []
        with _killed():
            for task in tasks:
                if len(waiting) >= 3 * self.processes:
                    yield waiting.pop(0).result()
                waiting.append(self._submit(self._pool, task))
            while waiting:
                yield waiting.pop(0).result()

    @staticmethod
    def _submit(pool: ProcessPoolExecutor, task: Task) -> Future[Any]:
        """Hand over a task. The first starts the processes, which must not hear of Ctrl-C, nor tell of it."""
        with _undisturbed():
            return pool.submit(_carry_out, task)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Put Ctrl-C off; processes that are started meanwhile never get it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _killed() -> Iterator[None]:
    """Tell in one line that a process of the crew is gone."""
    try:
        yield
    except BrokenProcessPool as error:
        raise UserError(
            "a process that read the corpus was killed, most likely for want of memory; "
            "run the command again with --processes 1"
        ) from error


def crew_of(knowledge: Knowledge) -> Crew:
    """A crew of this process only, with what is known already."""
    one = Crew(knowledge.context)
    one.knowledge = knowledge
    return one


def processes_for(records: int, wanted: int | None) -> int:
    """How many processes to read with."""
    if wanted is not None:
        return wanted
    return 1 if records < SMALL else max(1, min(len(os.sched_getaffinity(0)) if _LINUX else os.cpu_count() or 1, 16))


_LINUX = hasattr(os, "sched_getaffinity")
