"""Objectives, constraints, pending points and risk measures in acquisition functions."""

from __future__ import annotations

from functools import partial

import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.acquisition.logei import qLogExpectedImprovement, qLogNoisyExpectedImprovement
from botorch.acquisition.monte_carlo import qNoisyExpectedImprovement, qSimpleRegret
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.monte_carlo import (
    qNoisyExpectedHypervolumeImprovement,
)
from botorch.acquisition.multi_objective.multi_output_risk_measures import (
    MARS,
    IndependentCVaR,
    IndependentVaR,
    MultiOutputExpectation,
    MultiOutputWorstCase,
    MVaR,
)
from botorch.acquisition.multi_objective.objective import (
    GenericMCMultiOutputObjective,
    MCMultiOutputObjective,
    WeightedMCMultiOutputObjective,
)
from botorch.acquisition.objective import (
    ConstrainedMCObjective,
    ExpectationPosteriorTransform,
    GenericMCObjective,
    LearnedObjective,
    LinearMCObjective,
    MCAcquisitionObjective,
    ScalarizedPosteriorTransform,
)
from botorch.acquisition.risk_measures import CVaR, Expectation, VaR, WorstCase
from botorch.models import ModelList, SingleTaskGP
from torch import Tensor

from botorch_cll.testing.checks.acquisition import Acquisition, add_acquisitions
from botorch_cll.testing.checks.single_output import MC_SIZES
from botorch_cll.testing.subject import NUM_PERTURBATIONS, Subject

WEIGHTS = torch.tensor([1.0, -0.5], dtype=torch.double)


def _with_objective(objective: MCAcquisitionObjective, s: Subject) -> AcquisitionFunction:
    return qLogExpectedImprovement(
        s.model, best_f=objective(s.Y).max(), sampler=s.sampler(s.model), objective=objective
    )


def _with_objectives(objective: MCMultiOutputObjective, s: Subject) -> AcquisitionFunction:
    return qLogNoisyExpectedHypervolumeImprovement(
        s.model,
        ref_point=objective(s.Y).amin(0) - 0.1,
        X_baseline=s.X,
        sampler=s.sampler(s.model),
        objective=objective,
        prune_baseline=True,
    )


def _first_task(samples: Tensor, X: Tensor | None = None) -> Tensor:
    return samples[..., 0]


def _second_is_too_large(samples: Tensor) -> Tensor:
    return samples[..., 1] - 0.5


def _constrained(s: Subject) -> AcquisitionFunction:
    return qLogNoisyExpectedImprovement(
        s.model,
        s.X,
        sampler=s.sampler(s.model),
        objective=GenericMCObjective(_first_task),
        constraints=[_second_is_too_large],
    )


def _pending(s: Subject) -> AcquisitionFunction:
    return qLogNoisyExpectedHypervolumeImprovement(
        s.model, s.ref_point, s.X, sampler=s.sampler(s.model), X_pending=s.test_X[:2]
    )


def _beside_a_gp(s: Subject) -> ModelList:
    return ModelList(s.single, SingleTaskGP(s.X, s.Y[:, 1:]))


def _scalarized_list(s: Subject) -> AcquisitionFunction:
    models = _beside_a_gp(s)
    return qLogNoisyExpectedImprovement(
        models, s.X, sampler=s.sampler(models), objective=LinearMCObjective(WEIGHTS)
    )


def _hypervolume_of_list(s: Subject) -> AcquisitionFunction:
    models = _beside_a_gp(s)
    return qLogNoisyExpectedHypervolumeImprovement(
        models, s.ref_point, s.X, sampler=s.sampler(models), prune_baseline=True
    )


OBJECTIVES = {
    "ScalarizedPosteriorTransform": Acquisition(
        lambda s: LogExpectedImprovement(
            s.model, best_f=0.5, posterior_transform=ScalarizedPosteriorTransform(WEIGHTS)
        )
    ),
    "LinearMCObjective": Acquisition(
        partial(_with_objective, LinearMCObjective(WEIGHTS)), MC_SIZES
    ),
    "GenericMCObjective": Acquisition(
        partial(_with_objective, GenericMCObjective(_first_task)), MC_SIZES
    ),
    "ConstrainedMCObjective": Acquisition(
        lambda s: qSimpleRegret(
            s.model,
            sampler=s.sampler(s.model),
            objective=ConstrainedMCObjective(_first_task, [_second_is_too_large]),
        ),
        MC_SIZES,
    ),
    "LearnedObjective": Acquisition(
        lambda s: qSimpleRegret(
            s.model,
            sampler=s.sampler(s.model),
            objective=LearnedObjective(s.single, sample_shape=torch.Size([4]), seed=0),
        ),
        MC_SIZES,
    ),
    "WeightedMCMultiOutputObjective": Acquisition(
        partial(_with_objectives, WeightedMCMultiOutputObjective(WEIGHTS)), MC_SIZES
    ),
    "GenericMCMultiOutputObjective": Acquisition(
        partial(_with_objectives, GenericMCMultiOutputObjective(lambda Y, X=None: Y.tanh())),
        MC_SIZES,
    ),
    "constraints": Acquisition(_constrained, MC_SIZES),
    "X_pending": Acquisition(_pending, MC_SIZES),
    "scalarized_model_list": Acquisition(_scalarized_list, MC_SIZES),
    "multi_objective_model_list": Acquisition(_hypervolume_of_list, MC_SIZES),
}


def _risk(objective: MCAcquisitionObjective) -> Acquisition:
    """A risk measure of one objective, over perturbations of the inputs."""
    return Acquisition(
        lambda s: qNoisyExpectedImprovement(
            s.perturbed,
            s.X[:6],
            sampler=s.sampler(s.perturbed),
            objective=objective,
            prune_baseline=False,
        ),
        MC_SIZES,
    )


def _risks(objective: MCMultiOutputObjective) -> Acquisition:
    """A risk measure of several objectives, over perturbations of the inputs."""
    return Acquisition(
        lambda s: qNoisyExpectedHypervolumeImprovement(
            s.perturbed,
            s.ref_point,
            s.X[:6],
            sampler=s.sampler(s.perturbed),
            objective=objective,
        ),
        MC_SIZES,
    )


def _mars(s: Subject) -> AcquisitionFunction:
    objective = MARS(alpha=0.5, n_w=NUM_PERTURBATIONS, chebyshev_weights=[0.6, 0.4])
    objective.set_baseline_Y(s.perturbed, s.X[:6])
    return qNoisyExpectedImprovement(
        s.perturbed,
        s.X[:6],
        sampler=s.sampler(s.perturbed),
        objective=objective,
        prune_baseline=False,
    )


def _expectation(s: Subject) -> AcquisitionFunction:
    model = s.fit(s.X, s.Y[:, :1], input_transform=s.perturbation)
    transform = ExpectationPosteriorTransform(n_w=NUM_PERTURBATIONS)
    return qLogExpectedImprovement(model, best_f=0.5, posterior_transform=transform)


_single = {"n_w": NUM_PERTURBATIONS, "preprocessing_function": LinearMCObjective(WEIGHTS)}
RISK_MEASURES = {
    "CVaR": _risk(CVaR(alpha=0.5, **_single)),
    "VaR": _risk(VaR(alpha=0.5, **_single)),
    "WorstCase": _risk(WorstCase(**_single)),
    "Expectation": _risk(Expectation(**_single)),
    "ExpectationPosteriorTransform": Acquisition(_expectation, MC_SIZES),
    "MultiOutputExpectation": _risks(MultiOutputExpectation(n_w=NUM_PERTURBATIONS)),
    "IndependentCVaR": _risks(IndependentCVaR(alpha=0.5, n_w=NUM_PERTURBATIONS)),
    "IndependentVaR": _risks(IndependentVaR(alpha=0.5, n_w=NUM_PERTURBATIONS)),
    "MultiOutputWorstCase": _risks(MultiOutputWorstCase(n_w=NUM_PERTURBATIONS)),
    "MVaR": _risks(MVaR(alpha=0.5, n_w=NUM_PERTURBATIONS)),
    "MARS": Acquisition(_mars, MC_SIZES),
}

add_acquisitions(OBJECTIVES, "objectives")
add_acquisitions(RISK_MEASURES, "risk measures")
