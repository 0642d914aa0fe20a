"""Which acquisition function the strategies use, and over which incumbent."""

import pytest
import torch
from ax.api.configs import RangeParameterConfig
from botorch.acquisition import LogExpectedImprovement
from botorch.acquisition.logei import (
    qLogExpectedImprovement,
    qLogNoisyExpectedImprovement,
    qLogProbabilityOfFeasibility,
)
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.optim import optimize_acqf

from botorch_cll.ax import SwarmAcquisition

from support.ax_loops import make_client, only, run
from support.surfaces import Surface


def acquisition(client) -> SwarmAcquisition:
    client.get_next_trials(max_trials=1)
    return client._generation_strategy.adapter.generator._acquisition


def natural(client, name, value):
    """What a value in the model's scale is in the scale of the metric."""
    transform = client._generation_strategy.adapter.transforms["StandardizeY"]
    return float(value) * transform.Ystd[name] + transform.Ymean[name]


def test_one_objective_has_the_analytic_form():
    client = make_client("-a")
    run(client, only("a", "b"), 6)
    found = acquisition(client)
    assert type(found.acqf) is LogExpectedImprovement
    observed = client.summarize()["a"]
    assert abs(natural(client, "a", -found.acqf.best_f) - observed.min()) < 1e-6


def test_pending_points_need_the_monte_carlo_form():
    client = make_client("-a")
    run(client, only("a", "b"), 6)
    (running,) = client.get_next_trials(max_trials=1)
    assert type(acquisition(client).acqf) is qLogExpectedImprovement
    client.mark_trial_abandoned(running)
    found = acquisition(client).acqf
    assert type(found) is qLogExpectedImprovement
    assert len(found.X_pending) == 2


def test_the_incumbent_is_feasible_and_complete():
    client = make_client("-a", constraints=["b <= 30"], num_sobol=6)
    points = [(2.0, -1.0), (4.0, 2.0), (5.0, 3.0), (0.0, 0.0), (8.0, -3.0), (3.0, -1.0)]
    for x, y in points:
        at = {"x0": x, "x1": y}
        index = client.attach_trial(at)
        # The best of all is not complete: nobody knows whether it is feasible.
        values = only("a")(at) if (x, y) == (3.0, -1.0) else only("a", "b")(at)
        client.attach_data(trial_index=index, raw_data=values)
        client._experiment.trials[index].mark_completed()
    # At (2, -1) a is 0 and b is 25: feasible.
    found = acquisition(client)
    assert type(found.acqf) is qLogExpectedImprovement
    assert abs(natural(client, "a", -found.acqf.best_f) - 0.0) < 1e-6

    client = make_client("-a", constraints=["b <= 19"], num_sobol=6)
    for x, y in points:
        at = {"x0": x, "x1": y}
        index = client.attach_trial(at)
        client.complete_trial(trial_index=index, raw_data=only("a", "b")(at))
    # Now only (4, 2), where a is 13, and (5, 3), where it is 25, are.
    found = acquisition(client)
    assert abs(natural(client, "a", -found.acqf.best_f) - 13.0) < 1e-6


def test_without_a_feasible_point_one_is_looked_for():
    client = make_client("-a", constraints=["b <= -5"])
    run(client, only("a", "b"), 6)
    assert type(acquisition(client).acqf) is qLogProbabilityOfFeasibility


def test_every_trial_has_a_seed_of_its_own():
    client = make_client("-a")
    seeds = set()
    for count in (5, 6, 7):
        run(client, only("a"), count)
        seeds.add(acquisition(client)._seed)
    assert len(seeds) == 3


def test_several_candidates_at_once_need_the_monte_carlo_form():
    client = make_client("-a")
    run(client, only("a", "b"), 6)
    strategy = client._generation_strategy
    ((generated,),) = strategy.gen(experiment=client._experiment, num_trials=1, n=2)
    assert len(generated.arms) == 2
    assert type(strategy.adapter.generator._acquisition.acqf) is qLogExpectedImprovement


def test_the_incumbent_of_terms_never_observed_together_is_what_the_model_expects():
    client = make_client("-a - b")
    for index, (x, y) in enumerate([(2.0, -1.0), (4.0, 2.0), (5.0, 3.0), (0.0, 0.0), (8.0, -3.0)]):
        at = {"x0": x, "x1": y}
        trial = client.attach_trial(at)
        client.attach_data(trial, raw_data=only("ab"[index % 2])(at))
        client._experiment.trials[trial].mark_completed()
    assert acquisition(client).acqf.best_f.isfinite()


@pytest.mark.parametrize(
    ("thresholds", "expected"),
    [
        (["a <= 6", "b <= 9"], qLogNoisyExpectedHypervolumeImprovement),
        (["a <= 6"], qLogNoisyExpectedHypervolumeImprovement),
        (["a <= 4", "b <= 9"], qLogProbabilityOfFeasibility),
    ],
    ids=["reached", "reached, of one", "not reached"],
)
def test_thresholds_are_reached_first(thresholds, expected):
    client = make_client("-a, -b", constraints=thresholds)
    # The values of a and b there: 0 and 25, 5 and 8, 10.25 and 3.25, 25 and 0.
    for x, y in [(2.0, -1.0), (3.0, 1.0), (4.0, 1.5), (5.0, 3.0)]:
        at = {"x0": x, "x1": y}
        client.complete_trial(client.attach_trial(at), raw_data=only("a", "b")(at))
    assert type(acquisition(client).acqf) is expected


def test_a_late_tracking_metric_does_not_hide_what_is_feasible():
    client = make_client("-a", constraints=["b <= 500"])
    run(client, only("a", "b"), 6)
    # Ax's own choice looks at trials that have all metrics, of which there is none.
    client.attach_data(trial_index=0, raw_data={"late": 1.0})
    client.attach_data(trial_index=1, raw_data={"later": 1.0})
    assert type(acquisition(client).acqf) is qLogExpectedImprovement


def test_other_criteria():
    client = make_client("-a", acquisition="log_nei")
    run(client, only("a"), 5)
    assert type(acquisition(client).acqf) is qLogNoisyExpectedImprovement
    client = make_client("-a, -b")
    run(client, only("a", "b"), 5)
    assert type(acquisition(client).acqf) is qLogNoisyExpectedHypervolumeImprovement


def test_the_swarm_finds_what_gradients_find():
    client = make_client("-a", optimizer_options={}, model_options={})
    run(client, only("a", "b"), 9)
    found = acquisition(client)
    bounds = torch.tensor([[-5.0, -5.0], [10.0, 10.0]], dtype=torch.double)
    ours, _, _ = found.optimize(n=1, search_space_digest=found.search_space_digest)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _, theirs = optimize_acqf(found.acqf, bounds, q=1, num_restarts=20, raw_samples=512)
    assert float(found.evaluate(ours)) > float(theirs) - 1e-3
    # On a grid that is coarser than what is lost of observations when they are stored.
    steps = (ours - bounds[0]) / (1e-8 * (bounds[1] - bounds[0]))
    assert (steps - steps.round()).abs().max() < 1e-3


def test_global_state_is_left_alone():
    client = make_client("-a, -b")
    run(client, only("a", "b"), 5)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    client.get_next_trials(max_trials=2)
    assert torch.equal(torch.rand(3), expected)
    assert (torch.get_num_threads(), torch.get_default_dtype()) == (threads, dtype)


REAL_AND_INTEGER = [
    RangeParameterConfig(name="x0", parameter_type="float", bounds=(-5.0, 10.0)),
    RangeParameterConfig(name="x1", parameter_type="int", bounds=(-5, 10)),
]


def test_climbs_from_rounded_points_do_not_end_at_known_ones():
    client = make_client("-a", parameters=REAL_AND_INTEGER, optimizer_options={})
    run(client, only("a"), 5)
    found = acquisition(client)
    known = found.surrogate.observations[0][0]
    found.acqf = Surface(lambda X: -(X - known).square().sum(dim=(-2, -1)))
    candidate, _, _ = found.optimize(n=1, search_space_digest=found.search_space_digest)
    assert 1e-3 <= ((candidate - known).abs() / 15.0).max() < 0.02


def test_real_parameters_next_to_rounded_ones_are_climbed():
    options = {"optimizer_options": {}, "model_options": {}}
    client = make_client("-a", parameters=REAL_AND_INTEGER, **options)
    run(client, only("a", "b"), 9)
    found = acquisition(client)
    candidate, _, _ = found.optimize(n=1, search_space_digest=found.search_space_digest)
    line = candidate.repeat(2001, 1)
    line[:, 0] = torch.linspace(-5.0, 10.0, 2001, dtype=torch.double)
    assert float(candidate[0, 1]) == round(float(candidate[0, 1]))
    # No real value at this integer is better.
    best = found.evaluate(line.unsqueeze(-2)).max()
    assert float(found.evaluate(candidate)) > float(best) - 1e-4
