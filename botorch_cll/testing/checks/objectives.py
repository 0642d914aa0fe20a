"""Objectives, constraints, pending points and risk measures in acquisition functions."""

from functools import partial
from operator import attrgetter

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

from botorch_cll.testing.checks.acquisition import MC_SIZES, Acquisition, of, of_all
from botorch_cll.testing.subject import NUM_PERTURBATIONS, Subject

WEIGHTS = torch.tensor([1.0, -0.5], dtype=torch.double)

DATA = Subject(SingleTaskGP)
"""Whatever the factory, all subjects have the same data."""

_regret = partial(of_all, qSimpleRegret, "sampler")
_noisy = partial(of_all, qLogNoisyExpectedImprovement, "X_baseline", "sampler")
_hypervolume = partial(of_all, qLogNoisyExpectedHypervolumeImprovement, "X_baseline", "sampler")


def _first_task(samples: Tensor, X: Tensor | None = None) -> Tensor:
    return samples[..., 0]


def _second_is_too_large(samples: Tensor) -> Tensor:
    return samples[..., 1] - 0.5


def _beside_a_gp(s: Subject) -> ModelList:
    return ModelList(s.single, SingleTaskGP(s.X, s.Y[:, 1:]))


def _with_objective(objective: MCAcquisitionObjective) -> Acquisition:
    best_f = objective(DATA.Y).max()
    return of_all(qLogExpectedImprovement, "sampler", objective=objective, best_f=best_f)


def _with_objectives(objective: MCMultiOutputObjective) -> Acquisition:
    ref_point = objective(DATA.Y).amin(0) - 0.1
    return _hypervolume(objective=objective, ref_point=ref_point, prune_baseline=True)


def _learned(s: Subject) -> AcquisitionFunction:
    objective = LearnedObjective(s.single, sample_shape=torch.Size([4]), seed=0)
    return _regret(objective=objective).build(s)


OBJECTIVES = [
    of_all(
        LogExpectedImprovement,
        name="ScalarizedPosteriorTransform",
        best_f=0.5,
        posterior_transform=ScalarizedPosteriorTransform(WEIGHTS),
    ),
    _with_objective(LinearMCObjective(WEIGHTS)),
    _with_objective(GenericMCObjective(_first_task)),
    _regret(objective=ConstrainedMCObjective(_first_task, [_second_is_too_large])),
    Acquisition("LearnedObjective", _learned, MC_SIZES),
    _with_objectives(WeightedMCMultiOutputObjective(WEIGHTS)),
    _with_objectives(GenericMCMultiOutputObjective(lambda Y, X=None: Y.tanh())),
    _noisy(
        name="constraints",
        objective=GenericMCObjective(_first_task),
        constraints=[_second_is_too_large],
    ),
    _hypervolume("ref_point", "X_pending", name="X_pending"),
    _noisy(name="scalarized_model_list", model=_beside_a_gp, objective=LinearMCObjective(WEIGHTS)),
    _hypervolume(
        "ref_point", name="multi_objective_model_list", model=_beside_a_gp, prune_baseline=True
    ),
]


_perturbed = partial(of, model=attrgetter("perturbed"), X_baseline=DATA.X[:6])
_risk = partial(_perturbed, qNoisyExpectedImprovement, "sampler", prune_baseline=False)
_risks = partial(_perturbed, qNoisyExpectedHypervolumeImprovement, "ref_point", "sampler")
_several = {"n_w": NUM_PERTURBATIONS}
_single = _several | {"preprocessing_function": LinearMCObjective(WEIGHTS)}


def _mars(s: Subject) -> AcquisitionFunction:
    objective = risk_measures.MARS(alpha=0.5, chebyshev_weights=[0.6, 0.4], **_several)
    objective.set_baseline_Y(s.perturbed, s.X[:6])
    return _risk(objective=objective).build(s)


def _expectation(s: Subject) -> AcquisitionFunction:
    model = s.fit(s.X, s.Y[:, :1], input_transform=s.perturbation)
    transform = ExpectationPosteriorTransform(n_w=NUM_PERTURBATIONS)
    return qLogExpectedImprovement(model, best_f=0.5, posterior_transform=transform)


RISK_MEASURES = [
    _risk(objective=CVaR(alpha=0.5, **_single)),
    _risk(objective=VaR(alpha=0.5, **_single)),
    _risk(objective=WorstCase(**_single)),
    _risk(objective=Expectation(**_single)),
    Acquisition("ExpectationPosteriorTransform", _expectation, MC_SIZES),
    _risks(objective=risk_measures.MultiOutputExpectation(**_several)),
    _risks(objective=risk_measures.IndependentCVaR(alpha=0.5, **_several)),
    _risks(objective=risk_measures.IndependentVaR(alpha=0.5, **_several)),
    _risks(objective=risk_measures.MultiOutputWorstCase(**_several)),
    _risks(objective=risk_measures.MVaR(alpha=0.5, **_several)),
    Acquisition("MARS", _mars, MC_SIZES),
]
