"""What cannot be honored is refused by name."""

import pytest
import torch
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    CandidateGenerationError,
    InputDataError,
    UnsupportedError,
)
from botorch.exceptions.warnings import BadInitialCandidatesWarning

from botorch_cll.optim import gen_candidates_pso, optimize_acqf_pso

from support.surfaces import IC, LINEAR, Surface, box, waves


def test_nan_counts_as_minus_infinity():
    def function(X):
        return waves(X).where(X[..., 0, 0] > 0.5, torch.nan)

    candidate, value = optimize_acqf_pso(Surface(function), box(2), 1, 4, 64)
    assert candidate[0, 0] > 0.5
    assert value.item() == pytest.approx(2.0, abs=1e-3)
    start = torch.tensor([[[0.45, 0.5]]], dtype=torch.double)
    candidate, value = optimize_acqf_pso(
        Surface(function), box(2), 1, 1, batch_initial_conditions=start
    )
    assert candidate[0, 0] > 0.5
    assert value.item() > 1.9


def test_nothing_but_nan_is_an_error():
    acqf = Surface(lambda X: X.sum(dim=(-2, -1)) * torch.nan)
    with pytest.raises(CandidateGenerationError, match="NaN or minus infinity at every feasible"):
        optimize_acqf_pso(acqf, box(2), 1, 2, 16, options={"maxiter": 3})
    with (
        pytest.warns(BadInitialCandidatesWarning, match="selected randomly"),
        pytest.raises(CandidateGenerationError, match="NaN or minus infinity at every feasible"),
    ):
        optimize_acqf_pso(acqf, box(2), 1, 2, 256, options={"maxiter": 3})


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"bounds": torch.zeros(3, 2)}, BotorchTensorDimensionError, r"`2 x d`, got \(3, 2\)"),
        ({"bounds": torch.tensor([[1.0], [0.0]])}, InputDataError, r"got \[\[1.0\], \[0.0\]\]"),
        ({"bounds": box(1, high=torch.inf)}, InputDataError, "Expected finite `bounds`"),
        ({"q": 0}, InputDataError, "`q` to be at least 1, got 0"),
        ({"num_restarts": 0}, InputDataError, "`num_restarts` to be at least 1, got 0"),
        ({"options": {"particles": 3}}, UnsupportedError, r"\['particles'\].*'num_particles'"),
        ({"options": {"num_particles": 0}}, InputDataError, "'num_particles'.*got 0"),
        ({"options": {"inertia": -1.0}}, InputDataError, "'inertia'.*got -1.0"),
        ({"options": {"spread": -1.0}}, InputDataError, "'spread'.*got -1.0"),
        ({"gen_candidates": gen_candidates_pso}, UnsupportedError, "`gen_candidates`"),
        ({"equality_constraints": LINEAR}, UnsupportedError, "`equality_constraints`"),
        ({"generator": print}, UnsupportedError, r"\['generator'\]"),
        ({"acq_function": None}, InputDataError, "got neither"),
        ({"acq_function_sequence": []}, UnsupportedError, "requires `sequential=True`"),
        (
            {"acq_function_sequence": [Surface(waves)], "sequential": True, "q": 2},
            InputDataError,
            "got 1 for q=2",
        ),
        ({"sequential": True, "q": 2}, UnsupportedError, "pending points, got Surface"),
        (
            {"sequential": True, "q": 2, "return_best_only": False},
            UnsupportedError,
            "`return_best_only=False`",
        ),
        (
            {"sequential": True, "q": 2, "batch_initial_conditions": torch.zeros(2, 2)},
            UnsupportedError,
            "`batch_initial_conditions`",
        ),
        (
            {"batch_initial_conditions": torch.zeros(4, 2, 2)},
            BotorchTensorDimensionError,
            r"`\(b\) x 1 x 2`, got \(4, 2, 2\)",
        ),
        (
            {"batch_initial_conditions": torch.full((1, 1, 2), 2.0)},
            InputDataError,
            r"within the bounds .* got \[2.0, 2.0\] in features \[0, 1\]",
        ),
        (
            {"batch_initial_conditions": torch.tensor([[[0.5, 1.015625]]])},
            InputDataError,
            r"within the bounds .* got \[1.015625\] in features \[1\]",
        ),
        (
            {"ic_generator": lambda **kwargs: torch.zeros(1, 2)},
            BotorchTensorDimensionError,
            r"shape \(2, 1, 2\) from `ic_generator`, got \(1, 2\)",
        ),
        ({"fixed_features": {2: 0.0}}, InputDataError, r"\[-2, 1\], got 2"),
        (
            {"post_processing_func": lambda X: X[:1]},
            BotorchTensorDimensionError,
            "`post_processing_func` to preserve the shape",
        ),
        (
            {"post_processing_func": torch.round, "options": {"polish": True}},
            UnsupportedError,
            "'polish' is True, but `post_processing_func` is given",
        ),
        (
            {"acq_function": Surface(waves, differentiable=False), "options": {"polish": True}},
            UnsupportedError,
            "'polish' is True, but the acquisition function is not differentiable",
        ),
        (
            {"acq_function": Surface(lambda X: X.sum(-1)), "ic_generator": lambda **kwargs: IC},
            BotorchTensorDimensionError,
            r"one value for each of 64 candidates, got shape \(64, 1\)",
        ),
    ],
)
def test_refuses_by_name(kwargs, error, match):
    arguments = {"acq_function": Surface(waves), "bounds": box(2), "q": 1, "num_restarts": 2}
    with pytest.raises(error, match=match):
        optimize_acqf_pso(**{**arguments, "raw_samples": 16, **kwargs})


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"lower_bounds": None}, UnsupportedError, "`lower_bounds`"),
        ({"lower_bounds": 2.0}, InputDataError, "not to exceed the upper"),
        ({"equality_constraints": LINEAR}, UnsupportedError, "`equality_constraints`"),
        ({"options": {"method": "SLSQP"}}, UnsupportedError, r"\['method'\]"),
        (
            {"initial_conditions": torch.zeros(2)},
            BotorchTensorDimensionError,
            r"`\(b\) x q x d`, got \(2,\)",
        ),
        ({"initial_conditions": torch.full((1, 2), 3.0)}, InputDataError, "initial_conditions"),
    ],
    ids=["no bounds", "upside down", "equality", "option", "shape", "outside"],
)
def test_gen_candidates_refuses_by_name(kwargs, error, match):
    arguments = {"initial_conditions": torch.zeros(1, 2), "lower_bounds": 0.0, "upper_bounds": 1.0}
    with pytest.raises(error, match=match):
        gen_candidates_pso(**{**arguments, "acquisition_function": Surface(waves), **kwargs})
