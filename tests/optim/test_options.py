"""The options dictionary: what is known, where it goes, what it defaults to."""

import pytest
from botorch.exceptions.errors import InputDataError, UnsupportedError
from botorch.optim.optimize import INIT_OPTION_KEYS

from botorch_cll.optim.options import SearchOptions
from botorch_cll.optim.swarm import SwarmOptions


def test_options_are_sorted_by_whom_they_concern():
    options = SearchOptions.parse({"num_particles": 9, "inertia": 0.5, "eta": 2.0, "seed": None})
    assert options.num_particles == 9
    assert options.seed == 0
    assert options.swarm == {"inertia": 0.5}
    assert options.initialization == {"eta": 2.0}


@pytest.mark.parametrize("key", sorted(INIT_OPTION_KEYS | {"maxiter", "batch_limit"}))
def test_options_of_optimize_acqf_are_known(key):
    SearchOptions.parse({key: 1})


def test_unknown_options_are_refused_with_the_known_ones():
    with pytest.raises(UnsupportedError, match=r"\['ftol', 'typo'\].*'inertia'.*'seed'"):
        SearchOptions.parse({"typo": 1, "ftol": 1e-6, "seed": 1})


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"batch_limit": 0}, "'batch_limit' to be at least 1, got 0"),
        ({"num_polish": -1}, "'num_polish' to be at least 1, got -1"),
        ({"spread": float("nan")}, "'spread' to be >= 0, got nan"),
        ({"max_velocity": 0}, "'max_velocity' to be > 0, got 0"),
    ],
    ids=["batch_limit", "num_polish", "spread", "max_velocity"],
)
def test_values_out_of_range_are_refused(options, match):
    with pytest.raises(InputDataError, match=match):
        SearchOptions.parse(options)


@pytest.mark.parametrize(
    ("num_swarms", "polish", "expected"),
    [(1, True, 64), (4, True, 16), (20, True, 4), (1, False, 128), (20, False, 8)],
)
def test_few_swarms_have_more_particles(num_swarms, polish, expected):
    assert SearchOptions().particles_per_swarm(num_swarms, polish) == expected
    assert SearchOptions(num_particles=5).particles_per_swarm(num_swarms, polish) == 5


def test_given_options_of_the_swarm_win_over_other_defaults():
    assert SearchOptions().swarm_options() == SwarmOptions()
    assert SearchOptions().swarm_options(maxiter=8) == SwarmOptions(maxiter=8)
    assert SearchOptions.parse({"maxiter": 77}).swarm_options(maxiter=8).maxiter == 77
