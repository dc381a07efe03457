"""Forward passes side by side on a CPU, each on some of its cores.

Small operations (norms, rotations) gain little from a second core and wait for one another; two passes with one core
each took 0.80 times as long as one pass after the other with two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

import torch

MOST = 4
"""Passes at once, of as many as there are cores for."""

Thing = TypeVar("Thing")
Made = TypeVar("Made")


def side_by_side(
    device: torch.device, function: Callable[[Thing], Made], things: Iterable[Thing], most: int = MOST
) -> Generator[Made, None, None]:
    """What a function, a forward pass in it, makes of things, in their order; as many at once as suit the device.

    On a GPU that is one. Things are taken only a few ahead of what is asked for.

    Args:
        most: passes at once, as their memory allows.
    """
    cores = torch.get_num_threads()
    at_once = min(most, MOST, cores) if device.type == "cpu" else 1
    if at_once == 1:
        yield from map(function, things)
        return
    shares = SimpleQueue[int]()  # of the cores; the first ones have one more if they cannot be shared evenly
    for place in range(at_once):
        shares.put(cores // at_once + (place < cores % at_once))

    def begin() -> None:
        torch.get_num_threads()  # a thread takes over what another set last when it is first asked, so ask before
        torch.set_num_threads(shares.get())

    pool = ThreadPoolExecutor(at_once, "pass", initializer=begin)
    running: deque[Future[Made]] = deque()
    try:
        for thing in things:
            running.append(pool.submit(function, thing))
            if len(running) > at_once:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(cores)  # what a thread sets is also what threads get that are made later
