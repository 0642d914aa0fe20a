"""Acquisition functions for one output, and wrappers around them."""

from __future__ import annotations

from functools import partial

import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.active_learning import (
    PairwiseMCPosteriorVariance,
    qNegIntegratedPosteriorVariance,
)
from botorch.acquisition.analytic import (
    ConstrainedExpectedImprovement,
    ExpectedImprovement,
    LogConstrainedExpectedImprovement,
    LogExpectedImprovement,
    LogProbabilityOfFeasibility,
    LogProbabilityOfImprovement,
    PosteriorMean,
    PosteriorStandardDeviation,
    ProbabilityOfImprovement,
    ScalarizedPosteriorMean,
    UpperConfidenceBound,
    qAnalyticProbabilityOfImprovement,
)
from botorch.acquisition.fixed_feature import FixedFeatureAcquisitionFunction
from botorch.acquisition.joint_entropy_search import qJointEntropySearch
from botorch.acquisition.knowledge_gradient import (
    ProjectedAcquisitionFunction,
    qKnowledgeGradient,
    qMultiFidelityKnowledgeGradient,
)
from botorch.acquisition.logei import (
    qLogExpectedImprovement,
    qLogNoisyExpectedImprovement,
    qLogProbabilityOfFeasibility,
)
from botorch.acquisition.max_value_entropy_search import (
    qLowerBoundMaxValueEntropy,
    qMaxValueEntropy,
    qMultiFidelityLowerBoundMaxValueEntropy,
    qMultiFidelityMaxValueEntropy,
)
from botorch.acquisition.monte_carlo import (
    qExpectedImprovement,
    qLowerConfidenceBound,
    qNoisyExpectedImprovement,
    qPosteriorStandardDeviation,
    qProbabilityOfImprovement,
    qSimpleRegret,
    qUpperConfidenceBound,
)
from botorch.acquisition.multi_step_lookahead import qMultiStepLookahead
from botorch.acquisition.objective import GenericMCObjective
from botorch.acquisition.penalized import L2Penalty, PenalizedAcquisitionFunction
from botorch.acquisition.predictive_entropy_search import qPredictiveEntropySearch
from botorch.acquisition.preference import qExpectedUtilityOfBestOption
from botorch.acquisition.prior_guided import PriorGuidedAcquisitionFunction
from botorch.acquisition.proximal import ProximalAcquisitionFunction
from botorch.acquisition.thompson_sampling import PathwiseThompsonSampling
from botorch.acquisition.utils import project_to_target_fidelity
from torch import Tensor, nn

from botorch_cll.testing.checks.acquisition import Acquisition, add_acquisitions
from botorch_cll.testing.subject import NUM_INPUTS, Subject, uniform

TARGET_FIDELITY = {1: 1.0}
"""In multi-fidelity acquisition functions the last input is the fidelity."""

to_target_fidelity = partial(
    project_to_target_fidelity, target_fidelities=TARGET_FIDELITY, d=NUM_INPUTS
)

MC_SIZES = (1, 2)
"""The sizes that Monte Carlo acquisition functions are evaluated at."""


class Prior(nn.Module):
    """A belief about where the optimum is, as `PriorGuidedAcquisitionFunction` wants it."""

    def forward(self, X: Tensor) -> Tensor:
        """The prior at `batch_shape x q x d`-dim points, `batch_shape x q`-dim."""
        return (-(X - 0.5).square().sum(-1)).exp()


def analytic(function: type[AcquisitionFunction]) -> Acquisition:
    """One of the acquisition functions that take a model and an incumbent, for `q = 1`."""
    return Acquisition(lambda s: function(s.single, best_f=s.best_f))


def sampled(function: type[AcquisitionFunction]) -> Acquisition:
    """One of the Monte Carlo acquisition functions that take a model and an incumbent."""
    return Acquisition(
        lambda s: function(s.single, best_f=s.best_f, sampler=s.sampler(s.single)), MC_SIZES
    )


def max_value(function: type[AcquisitionFunction], **options: object) -> Acquisition:
    """One of the max-value entropy searches."""
    return Acquisition(
        lambda s: function(s.single, candidate_set=uniform(32, 2, seed=5), **options)
    )


def _pairwise_variance(s: Subject) -> AcquisitionFunction:
    link = GenericMCObjective(lambda samples, X=None: samples.squeeze(-1).sigmoid())
    return PairwiseMCPosteriorVariance(s.single, link, sampler=s.sampler(s.single))


def _noisy(function: type[AcquisitionFunction]) -> Acquisition:
    return Acquisition(
        lambda s: function(s.single, X_baseline=s.X, sampler=s.sampler(s.single)), MC_SIZES
    )


def _joint_entropy(s: Subject) -> AcquisitionFunction:
    return qJointEntropySearch(s.single, *s.optima())


ANALYTIC = {
    "LogProbabilityOfImprovement": analytic(LogProbabilityOfImprovement),
    "ProbabilityOfImprovement": analytic(ProbabilityOfImprovement),
    "qAnalyticProbabilityOfImprovement": Acquisition(
        # Of two points whose correlation is beyond 0.925, BoTorch's integral over the bivariate
        # normal distribution may have NaN as gradient, depending on the last bits.
        lambda s: qAnalyticProbabilityOfImprovement(s.single, best_f=s.best_f)
    ),
    "ExpectedImprovement": analytic(ExpectedImprovement),
    "LogExpectedImprovement": analytic(LogExpectedImprovement),
    "UpperConfidenceBound": Acquisition(lambda s: UpperConfidenceBound(s.single, beta=2.0)),
    "PosteriorMean": Acquisition(lambda s: PosteriorMean(s.single)),
    "PosteriorStandardDeviation": Acquisition(lambda s: PosteriorStandardDeviation(s.single)),
    "ScalarizedPosteriorMean": Acquisition(
        lambda s: ScalarizedPosteriorMean(s.single, weights=torch.tensor([0.3, 0.7]).double()),
        sizes=(2,),
    ),
    "ConstrainedExpectedImprovement": Acquisition(
        lambda s: ConstrainedExpectedImprovement(s.model, s.best_f, 0, {1: (None, 0.5)})
    ),
    "LogConstrainedExpectedImprovement": Acquisition(
        lambda s: LogConstrainedExpectedImprovement(s.model, s.best_f, 0, {1: (None, 0.5)})
    ),
    "LogProbabilityOfFeasibility": Acquisition(
        lambda s: LogProbabilityOfFeasibility(s.model, {0: (0.0, None), 1: (-1.0, 0.5)})
    ),
}

MONTE_CARLO = {
    "qExpectedImprovement": sampled(qExpectedImprovement),
    "qLogExpectedImprovement": sampled(qLogExpectedImprovement),
    "qProbabilityOfImprovement": sampled(qProbabilityOfImprovement),
    "qNoisyExpectedImprovement": _noisy(qNoisyExpectedImprovement),
    "qLogNoisyExpectedImprovement": _noisy(qLogNoisyExpectedImprovement),
    "qLogProbabilityOfFeasibility": Acquisition(
        lambda s: qLogProbabilityOfFeasibility(
            s.single, [lambda samples: samples[..., 0] - 0.5], sampler=s.sampler(s.single)
        ),
        MC_SIZES,
    ),
    "qSimpleRegret": Acquisition(
        lambda s: qSimpleRegret(s.single, sampler=s.sampler(s.single)), MC_SIZES
    ),
    "qUpperConfidenceBound": Acquisition(
        lambda s: qUpperConfidenceBound(s.single, beta=2.0, sampler=s.sampler(s.single)), MC_SIZES
    ),
    "qLowerConfidenceBound": Acquisition(
        lambda s: qLowerConfidenceBound(s.single, beta=2.0, sampler=s.sampler(s.single)), MC_SIZES
    ),
    "qPosteriorStandardDeviation": Acquisition(
        lambda s: qPosteriorStandardDeviation(s.single, sampler=s.sampler(s.single)), MC_SIZES
    ),
    "qExpectedUtilityOfBestOption": Acquisition(
        lambda s: qExpectedUtilityOfBestOption(s.single, sampler=s.sampler(s.single)), sizes=(2,)
    ),
    "PairwiseMCPosteriorVariance": Acquisition(_pairwise_variance, sizes=(2,)),
    "PathwiseThompsonSampling": Acquisition(lambda s: PathwiseThompsonSampling(s.single), MC_SIZES),
}

LOOK_AHEAD = {
    "qKnowledgeGradient": Acquisition(
        lambda s: qKnowledgeGradient(s.single, num_fantasies=4), MC_SIZES
    ),
    "qMultiFidelityKnowledgeGradient": Acquisition(
        lambda s: qMultiFidelityKnowledgeGradient(
            s.single, num_fantasies=4, project=to_target_fidelity
        )
    ),
    "qMultiStepLookahead": Acquisition(
        lambda s: qMultiStepLookahead(s.single, batch_sizes=[1, 1], num_fantasies=[2, 2])
    ),
    "qNegIntegratedPosteriorVariance": Acquisition(
        lambda s: qNegIntegratedPosteriorVariance(s.single, mc_points=uniform(8, 2, seed=5)),
        MC_SIZES,
    ),
}

ENTROPY_SEARCH = {
    "qMaxValueEntropy": max_value(qMaxValueEntropy),
    "qLowerBoundMaxValueEntropy": max_value(qLowerBoundMaxValueEntropy),
    "qMultiFidelityMaxValueEntropy": max_value(
        qMultiFidelityMaxValueEntropy, project=to_target_fidelity
    ),
    "qMultiFidelityLowerBoundMaxValueEntropy": max_value(
        qMultiFidelityLowerBoundMaxValueEntropy, project=to_target_fidelity
    ),
    "qJointEntropySearch": Acquisition(_joint_entropy, MC_SIZES),
    "qPredictiveEntropySearch": Acquisition(
        lambda s: qPredictiveEntropySearch(s.single, s.optima()[0]), has_gradient=False
    ),
}


def _expected_improvement(s: Subject) -> AcquisitionFunction:
    return ExpectedImprovement(s.single, best_f=s.best_f)


WRAPPERS = {
    "FixedFeatureAcquisitionFunction": Acquisition(
        lambda s: FixedFeatureAcquisitionFunction(_expected_improvement(s), 2, [1], [0.5]), width=1
    ),
    "PenalizedAcquisitionFunction": Acquisition(
        lambda s: PenalizedAcquisitionFunction(
            _expected_improvement(s), L2Penalty(torch.full((1, 2), 0.5).double()), 0.1
        )
    ),
    "PriorGuidedAcquisitionFunction": Acquisition(
        lambda s: PriorGuidedAcquisitionFunction(
            qExpectedImprovement(s.single, s.best_f, sampler=s.sampler(s.single)), Prior()
        ),
        MC_SIZES,
    ),
    "ProjectedAcquisitionFunction": Acquisition(
        lambda s: ProjectedAcquisitionFunction(PosteriorMean(s.single), to_target_fidelity)
    ),
    "ProximalAcquisitionFunction": Acquisition(
        lambda s: ProximalAcquisitionFunction(_expected_improvement(s), torch.ones(2).double())
    ),
}

for table in (ANALYTIC, MONTE_CARLO, LOOK_AHEAD, ENTROPY_SEARCH, WRAPPERS):
    add_acquisitions(table, "one output")
