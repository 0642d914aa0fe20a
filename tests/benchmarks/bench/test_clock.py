import time

import torch

from benchmarks.bench.clock import Series, clock, limited_threads


def test_methods_alternate_and_slow_ones_sit_out() -> None:
    ticks = iter(range(1000))
    calls: list[str] = []

    def work(method: str, data: int) -> None:
        calls.append(f"{method} {data}")
        for _ in range(29 if method == "slow" else 0):
            next(ticks)

    series = Series({"n": 5}, ("quick", "slow"), work, [7, 8, 9], lambda given: 10 * given, 20)
    steps = list(series.steps(lambda: next(ticks)))
    assert calls == ["quick 70", "slow 70", "quick 80", "quick 90"]
    assert len(steps) == len(series) == 6
    rows = [tuple(row.values()) for step in steps for row in step]
    assert rows == [(5, "quick", 0, 1), (5, "slow", 0, 30), (5, "quick", 1, 1), (5, "quick", 2, 1)]
    assert [len(step) for step in steps] == [1, 1, 1, 0, 1, 0]


def test_what_failed_sits_out_and_work_may_tell_more_than_seconds() -> None:
    def work(method: str, data: str) -> list[dict]:
        failed = {"failure": data} if method == "fails" else {}
        return [{"value": data} | failed, {"value": "more", "seconds": 3}]

    steps = list(Series({}, ("works", "fails"), work, ["a", "b"]).steps(lambda: 0.0))
    assert [[row["value"] for row in step] for step in steps] == [["a", "more"]] * 2 + [
        ["b", "more"],
        [],
    ]
    assert [row["seconds"] for row in steps[0]] == [0.0, 3]


def test_number_of_threads_is_as_before_afterwards() -> None:
    before = torch.get_num_threads()
    with limited_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_one_thread_is_timed_by_the_processor_and_several_by_the_wall() -> None:
    assert clock(1) is time.process_time
    assert clock(2) is time.perf_counter
