import threading
import time
from collections.abc import Iterator

import pytest
import torch

from exempla.models.threads import side_by_side

CPU = torch.device("cpu")


@pytest.fixture
def two_cores() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_things_come_in_order_and_two_are_made_at_once(two_cores: None) -> None:
    together = threading.Barrier(2, timeout=20)

    def made(number: int) -> tuple[int, int]:
        together.wait()  # breaks if nobody else is at work
        time.sleep(0.05 if number % 2 else 0.0)
        return number, torch.get_num_threads()

    assert list(side_by_side(CPU, made, range(6))) == [(number, 1) for number in range(6)]
    assert torch.get_num_threads() == 2


def test_only_a_few_are_taken_ahead(two_cores: None) -> None:
    taken: list[int] = []

    def things() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    found = side_by_side(CPU, lambda one: one, things())
    assert next(found) == 0 and len(taken) <= 3
    found.close()
    assert len(taken) <= 3 and torch.get_num_threads() == 2
    # Threads of a later pool have what they had before.
    seen: list[int] = []
    later = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert seen == [2]


def test_what_goes_wrong_is_raised_in_its_place(two_cores: None) -> None:
    found = side_by_side(CPU, lambda one: 1 // one, [1, 1, 0, 1])
    assert [next(found), next(found)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_no_core_stands_idle(two_cores: None) -> None:
    torch.set_num_threads(7)
    together = threading.Barrier(4, timeout=20)

    def made(_: int) -> int:
        together.wait()
        return torch.get_num_threads()

    assert sorted(side_by_side(CPU, made, range(4))) == [1, 2, 2, 2]
    assert torch.get_num_threads() == 7
    together = threading.Barrier(2, timeout=20)
    assert sorted(side_by_side(CPU, made, range(2), most=2)) == [3, 4]


def test_a_gpu_gets_one_after_another(two_cores: None) -> None:
    here = threading.get_ident()
    assert list(side_by_side(torch.device("cuda"), lambda _: threading.get_ident(), range(3))) == [here] * 3
