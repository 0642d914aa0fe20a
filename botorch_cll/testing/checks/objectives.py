"""Objectives, constraints, pending points and risk measures in acquisition functions."""

from __future__ import annotations

import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.acquisition.logei import qLogExpectedImprovement, qLogNoisyExpectedImprovement
from botorch.acquisition.monte_carlo import qNoisyExpectedImprovement, qSimpleRegret
from botorch.acquisition.multi_objective import multi_output_risk_measures as risk_measures
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.monte_carlo import qNoisyExpectedHypervolumeImprovement
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

from botorch_cll.testing.checks.acquisition import (
    MC_SIZES,
    Acquisition,
    add_acquisitions,
    of,
    of_all,
)
from botorch_cll.testing.subject import NUM_PERTURBATIONS, Subject

WEIGHTS = torch.tensor([1.0, -0.5], dtype=torch.double)


def _first_task(samples: Tensor, X: Tensor | None = None) -> Tensor:
    return samples[..., 0]


def _second_is_too_large(samples: Tensor) -> Tensor:
    return samples[..., 1] - 0.5


def _with_objective(objective: MCAcquisitionObjective) -> Acquisition:
    return Acquisition(
        type(objective).__name__,
        lambda s: qLogExpectedImprovement(
            s.model, best_f=objective(s.Y).max(), sampler=s.sampler(s.model), objective=objective
        ),
        MC_SIZES,
    )


def _with_objectives(objective: MCMultiOutputObjective) -> Acquisition:
    return Acquisition(
        type(objective).__name__,
        lambda s: qLogNoisyExpectedHypervolumeImprovement(
            s.model,
            ref_point=objective(s.Y).amin(0) - 0.1,
            X_baseline=s.X,
            sampler=s.sampler(s.model),
            objective=objective,
            prune_baseline=True,
        ),
        MC_SIZES,
    )


def _learned(s: Subject) -> AcquisitionFunction:
    objective = LearnedObjective(s.single, sample_shape=torch.Size([4]), seed=0)
    return qSimpleRegret(s.model, sampler=s.sampler(s.model), objective=objective)


def _beside_a_gp(s: Subject) -> ModelList:
    return ModelList(s.single, SingleTaskGP(s.X, s.Y[:, 1:]))


OBJECTIVES = [
    of_all(
        LogExpectedImprovement,
        name="ScalarizedPosteriorTransform",
        best_f=0.5,
        posterior_transform=ScalarizedPosteriorTransform(WEIGHTS),
    ),
    _with_objective(LinearMCObjective(WEIGHTS)),
    _with_objective(GenericMCObjective(_first_task)),
    of_all(
        qSimpleRegret,
        "sampler",
        name="ConstrainedMCObjective",
        objective=ConstrainedMCObjective(_first_task, [_second_is_too_large]),
    ),
    Acquisition("LearnedObjective", _learned, MC_SIZES),
    _with_objectives(WeightedMCMultiOutputObjective(WEIGHTS)),
    _with_objectives(GenericMCMultiOutputObjective(lambda Y, X=None: Y.tanh())),
    of_all(
        qLogNoisyExpectedImprovement,
        "X_baseline",
        "sampler",
        name="constraints",
        objective=GenericMCObjective(_first_task),
        constraints=[_second_is_too_large],
    ),
    of_all(
        qLogNoisyExpectedHypervolumeImprovement,
        "ref_point",
        "X_baseline",
        "sampler",
        "X_pending",
        name="X_pending",
    ),
    of(
        qLogNoisyExpectedImprovement,
        "X_baseline",
        "sampler",
        model=_beside_a_gp,
        name="scalarized_model_list",
        objective=LinearMCObjective(WEIGHTS),
    ),
    of(
        qLogNoisyExpectedHypervolumeImprovement,
        "ref_point",
        "X_baseline",
        "sampler",
        model=_beside_a_gp,
        name="multi_objective_model_list",
        prune_baseline=True,
    ),
]


def _risk(objective: MCAcquisitionObjective) -> Acquisition:
    """A risk measure of one objective, over perturbations of the inputs."""
    return Acquisition(
        type(objective).__name__,
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
        type(objective).__name__,
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
    objective = risk_measures.MARS(alpha=0.5, chebyshev_weights=[0.6, 0.4], **_perturbed)
    objective.set_baseline_Y(s.perturbed, s.X[:6])
    return _risk(objective).build(s)


def _expectation(s: Subject) -> AcquisitionFunction:
    model = s.fit(s.X, s.Y[:, :1], input_transform=s.perturbation)
    transform = ExpectationPosteriorTransform(n_w=NUM_PERTURBATIONS)
    return qLogExpectedImprovement(model, best_f=0.5, posterior_transform=transform)


_perturbed = {"n_w": NUM_PERTURBATIONS}
_single = _perturbed | {"preprocessing_function": LinearMCObjective(WEIGHTS)}

RISK_MEASURES = [
    _risk(CVaR(alpha=0.5, **_single)),
    _risk(VaR(alpha=0.5, **_single)),
    _risk(WorstCase(**_single)),
    _risk(Expectation(**_single)),
    Acquisition("ExpectationPosteriorTransform", _expectation, MC_SIZES),
    _risks(risk_measures.MultiOutputExpectation(**_perturbed)),
    _risks(risk_measures.IndependentCVaR(alpha=0.5, **_perturbed)),
    _risks(risk_measures.IndependentVaR(alpha=0.5, **_perturbed)),
    _risks(risk_measures.MultiOutputWorstCase(**_perturbed)),
    _risks(risk_measures.MVaR(alpha=0.5, **_perturbed)),
    Acquisition("MARS", _mars, MC_SIZES),
]

add_acquisitions("objectives", OBJECTIVES)
add_acquisitions("risk measures", RISK_MEASURES)
