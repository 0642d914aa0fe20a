import time

import torch

from benchmarks.bench.clock import clock, limited_threads, time_side_by_side


def test_works_alternate_and_slow_ones_sit_out() -> None:
    ticks = iter(range(1000))
    calls: list[str] = []

    def slow() -> None:
        calls.append("slow")
        for _ in range(29):
            next(ticks)

    works = {"quick": lambda: calls.append("quick"), "slow": slow}
    rows = list(time_side_by_side(works, 3, lambda: next(ticks), 20))
    assert calls == ["quick", "slow", "quick", "quick"]
    assert [row and tuple(row.values()) for row in rows] == [
        ("quick", 0, 1),
        ("slow", 0, 30),
        ("quick", 1, 1),
        None,
        ("quick", 2, 1),
        None,
    ]


def test_number_of_threads_is_as_before_afterwards() -> None:
    before = torch.get_num_threads()
    with limited_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_one_thread_is_timed_by_the_processor_and_several_by_the_wall() -> None:
    assert clock(1) is time.process_time
    assert clock(2) is time.perf_counter
