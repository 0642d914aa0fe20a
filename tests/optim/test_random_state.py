"""Seeding PyTorch's global generators for a while."""

import threading

import torch

from botorch_cll.optim.random_state import isolated_random_state


def test_draws_follow_the_seed_and_the_state_is_restored():
    before = torch.get_rng_state()
    with isolated_random_state(3):
        first = torch.rand(2)
        with isolated_random_state(4):
            torch.rand(2)
        second = torch.rand(2)
    expected = torch.rand(4, generator=torch.Generator().manual_seed(3))
    assert torch.equal(torch.cat([first, second]), expected)
    assert torch.equal(torch.get_rng_state(), before)


def test_threads_that_overlap_do_not_mix_their_states():
    before = torch.get_rng_state()
    first_is_in, second_is_in = threading.Event(), threading.Event()
    drawn = {}

    def first():
        with isolated_random_state(1):
            first_is_in.set()
            # The second tries to get in meanwhile.
            second_is_in.wait(0.3)
            drawn[1] = torch.rand(3)

    def second():
        first_is_in.wait()
        with isolated_random_state(2):
            second_is_in.set()
            threads[0].join(0.3)
            drawn[2] = torch.rand(3)

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, numbers in drawn.items():
        expected = torch.rand(3, generator=torch.Generator().manual_seed(seed))
        assert torch.equal(numbers, expected)
    assert torch.equal(torch.get_rng_state(), before)
