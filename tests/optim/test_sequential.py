"""Candidates one after the other."""

import pytest
import torch
from botorch.acquisition import qKnowledgeGradient, qLogExpectedImprovement, qUpperConfidenceBound
from botorch.exceptions.errors import UnsupportedError
from botorch.optim import optimize_acqf
from botorch.sampling import SobolQMCNormalSampler

from botorch_cll.optim import optimize_acqf_pso

from support.surfaces import LINEAR, Surface, box, hill, waves

# Nearly equal points in one candidate, and nothing the user could do about it.
pytestmark = pytest.mark.filterwarnings("ignore:A not p.d., added jitter")

ACROSS = (torch.tensor([[0, 1], [1, 0]]), torch.ones(2, dtype=torch.double), 0.1)


def test_candidates_chosen_in_sequence_are_looked_for_at_points_of_their_own():
    plateau = Surface(lambda X: X.sum(dim=(-2, -1)).clamp(max=0.5))
    plateau.X_pending = None
    options = {"polish": False, "maxiter": 3}
    candidates, values = optimize_acqf_pso(
        plateau, box(2), 3, 2, 16, sequential=True, options=options
    )
    assert values.tolist() == [0.5, 0.5, 0.5]
    assert torch.pdist(candidates).min() > 1e-2


def test_sequential_candidates_are_conditioned_on_those_before(fitted):
    model, Y = fitted["branin"]
    pending = torch.tensor([[0.5, 0.5]], dtype=torch.double)
    acqf = qLogExpectedImprovement(model, Y.max(), SobolQMCNormalSampler(torch.Size([64]), seed=0))
    acqf.set_X_pending(pending)
    candidates, values = optimize_acqf_pso(acqf, box(2), 3, 8, 128, sequential=True)
    assert torch.equal(acqf.X_pending, pending)
    assert torch.pdist(candidates).min() > 1e-2
    _, expected = optimize_acqf(acqf, box(2), 3, 8, 128, sequential=True)
    assert values.shape == expected.shape
    assert values[0].item() == pytest.approx(expected[0].item(), abs=1e-3)
    acqf.set_X_pending(torch.cat([pending, candidates[:2]]))
    with torch.no_grad():
        assert acqf(candidates[2:]).item() == pytest.approx(values[2].item(), abs=1e-6)


def test_pending_points_are_restored_after_an_error(fitted):
    model, Y = fitted["branin"]

    class Breaks(qLogExpectedImprovement):
        def forward(self, X):
            if self.X_pending is not None and len(self.X_pending) == 2:
                raise KeyError("in the middle of it")
            return super().forward(X)

    acqf = Breaks(model, Y.max(), SobolQMCNormalSampler(torch.Size([16]), seed=0))
    with pytest.raises(KeyError, match="in the middle of it"):
        optimize_acqf_pso(acqf, box(2), 3, 2, 16, sequential=True)
    assert acqf.X_pending is None


def test_sequence_of_acquisition_functions(fitted):
    model, Y = fitted["branin"]
    sampler = SobolQMCNormalSampler(torch.Size([16]), seed=0)
    sequence = [
        qLogExpectedImprovement(model, Y.max(), sampler),
        qUpperConfidenceBound(model, beta=9.0, sampler=sampler),
    ]
    kwargs = {"num_restarts": 4, "raw_samples": 64}
    candidates, values = optimize_acqf_pso(
        None, box(2), 2, sequential=True, acq_function_sequence=sequence, **kwargs
    )
    assert (candidates.shape, values.shape) == ((2, 2), (2,))
    first, value = optimize_acqf_pso(sequence[0], box(2), 1, **kwargs)
    assert torch.equal(candidates[:1], first)
    assert torch.equal(values[0], value)
    assert all(acqf.X_pending is None for acqf in sequence)


def test_one_of_several_given_settings_at_a_time():
    acqf = Surface(hill(0.45))
    acqf.X_pending = None
    candidates, values = optimize_acqf_pso(
        acqf,
        box(1),
        q=2,
        num_restarts=3,
        raw_samples=8,
        sequential=True,
        fixed_features={0: torch.tensor([0.1, 0.5, 0.9], dtype=torch.double)},
        X_avoid=torch.tensor([[0.5]], dtype=torch.double),
    )
    assert candidates.flatten().tolist() == [0.1, 0.9]
    assert values.tolist() == pytest.approx([-(0.35**2), -(0.45**2)])


def test_time_is_shared_by_candidates_chosen_in_sequence(clock):
    def slow(X):
        clock.seconds += 1.0
        return waves(X)

    acqf = Surface(slow)
    acqf.X_pending = None
    options = {"polish": False, "maxiter": 100, "diameter_tolerance": 0.0}
    optimize_acqf_pso(acqf, box(2), 2, 2, 32, sequential=True, options=options, timeout_sec=30.0)
    # Each candidate's search is over after 15 seconds.
    assert 30.0 <= clock.seconds < 34.0


@pytest.mark.parametrize(
    ("constraints", "match"),
    [
        ({"inequality_constraints": [*LINEAR, ACROSS]}, "linear inequality constraint 1"),
        ({"nonlinear_inequality_constraints": [(sum, False)]}, "nonlinear inequality constraint 0"),
    ],
    ids=["linear", "nonlinear"],
)
def test_inter_point_constraints_are_refused(constraints, match):
    with pytest.raises(UnsupportedError, match=match):
        optimize_acqf_pso(Surface(waves), box(2), 2, 2, 16, sequential=True, **constraints)


def test_one_shot_acquisition_functions_are_refused(fitted):
    acqf = qKnowledgeGradient(fitted["branin"][0], num_fantasies=2)
    with pytest.raises(UnsupportedError, match="One-shot qKnowledgeGradient"):
        optimize_acqf_pso(acqf, box(2), 2, 2, 16, sequential=True)
