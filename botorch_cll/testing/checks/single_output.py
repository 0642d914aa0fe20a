"""Acquisition functions for one output, and wrappers around them."""

from typing import Any

import torch
from botorch.acquisition import (
    active_learning,
    analytic,
    knowledge_gradient,
    logei,
    monte_carlo,
    penalized,
)
from botorch.acquisition import max_value_entropy_search as max_value
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.fixed_feature import FixedFeatureAcquisitionFunction
from botorch.acquisition.joint_entropy_search import qJointEntropySearch
from botorch.acquisition.multi_step_lookahead import qMultiStepLookahead
from botorch.acquisition.objective import GenericMCObjective
from botorch.acquisition.predictive_entropy_search import qPredictiveEntropySearch
from botorch.acquisition.preference import qExpectedUtilityOfBestOption
from botorch.acquisition.prior_guided import PriorGuidedAcquisitionFunction
from botorch.acquisition.proximal import ProximalAcquisitionFunction
from botorch.acquisition.thompson_sampling import PathwiseThompsonSampling
from torch import Tensor, nn

from botorch_cll.testing.checks.acquisition import (
    MC_SIZES,
    Acquisition,
    of,
    of_all,
    to_target_fidelity,
)
from botorch_cll.testing.subject import uniform

BELOW_HALF: dict[str, Any] = {"objective_index": 0, "constraints": {1: (None, 0.5)}}
CANDIDATES: dict[str, Any] = {"candidate_set": uniform(32, 2, seed=5)}
FIDELITY: dict[str, Any] = {"project": to_target_fidelity}


class Prior(nn.Module):
    """A belief about where the optimum is, as `PriorGuidedAcquisitionFunction` wants it."""

    def forward(self, X: Tensor) -> Tensor:
        """The prior at `batch_shape x q x d`-dim points, `batch_shape x q`-dim."""
        return (-(X - 0.5).square().sum(-1)).exp()


def _around(
    wrapper: type[AcquisitionFunction], inner: Acquisition, *arguments: Any, **use: Any
) -> Acquisition:
    """A wrapper around another acquisition function, which is used at the sizes of that one."""
    name = wrapper.__name__
    return Acquisition(name, lambda s: wrapper(inner.build(s), *arguments), inner.sizes, **use)


_improvement = of(analytic.ExpectedImprovement, "best_f")
_sampled_improvement = of(monte_carlo.qExpectedImprovement, "best_f", "sampler")
_penalty = penalized.L2Penalty(torch.full((1, 2), 0.5, dtype=torch.double))

ONE_OUTPUT = [
    # Analytic.
    of(analytic.LogProbabilityOfImprovement, "best_f"),
    of(analytic.ProbabilityOfImprovement, "best_f"),
    # At one point only. Of two points whose correlation is beyond 0.925, BoTorch's integral over
    # the bivariate normal distribution may have NaN as gradient, depending on the last bits.
    of(analytic.qAnalyticProbabilityOfImprovement, "best_f"),
    of(analytic.ExpectedImprovement, "best_f"),
    of(analytic.LogExpectedImprovement, "best_f"),
    of(analytic.UpperConfidenceBound, beta=2.0),
    of(analytic.PosteriorMean),
    of(analytic.PosteriorStandardDeviation),
    of(analytic.ScalarizedPosteriorMean, weights=torch.tensor([0.3, 0.7]).double(), sizes=(2,)),
    of_all(analytic.ConstrainedExpectedImprovement, "best_f", **BELOW_HALF),
    of_all(analytic.LogConstrainedExpectedImprovement, "best_f", **BELOW_HALF),
    of_all(analytic.LogProbabilityOfFeasibility, constraints={0: (0.0, None), 1: (-1.0, 0.5)}),
    # Monte Carlo.
    of(monte_carlo.qExpectedImprovement, "best_f", "sampler"),
    of(logei.qLogExpectedImprovement, "best_f", "sampler"),
    of(monte_carlo.qProbabilityOfImprovement, "best_f", "sampler"),
    of(monte_carlo.qNoisyExpectedImprovement, "X_baseline", "sampler"),
    of(logei.qLogNoisyExpectedImprovement, "X_baseline", "sampler"),
    of(
        logei.qLogProbabilityOfFeasibility,
        "sampler",
        constraints=[lambda samples: samples[..., 0] - 0.5],
    ),
    of(monte_carlo.qSimpleRegret, "sampler"),
    of(monte_carlo.qUpperConfidenceBound, "sampler", beta=2.0),
    of(monte_carlo.qLowerConfidenceBound, "sampler", beta=2.0),
    of(monte_carlo.qPosteriorStandardDeviation, "sampler"),
    of(qExpectedUtilityOfBestOption, "sampler", sizes=(2,)),
    of(
        active_learning.PairwiseMCPosteriorVariance,
        "sampler",
        name="PairwiseMCPosteriorVariance",
        objective=GenericMCObjective(lambda samples, X=None: samples.squeeze(-1).sigmoid()),
        sizes=(2,),
    ),
    of(PathwiseThompsonSampling, sizes=MC_SIZES),
    # Looking ahead.
    of(knowledge_gradient.qKnowledgeGradient, num_fantasies=4, sizes=MC_SIZES),
    of(knowledge_gradient.qMultiFidelityKnowledgeGradient, num_fantasies=4, **FIDELITY),
    of(qMultiStepLookahead, batch_sizes=[1, 1], num_fantasies=[2, 2]),
    of(
        active_learning.qNegIntegratedPosteriorVariance,
        mc_points=uniform(8, 2, seed=5),
        sizes=MC_SIZES,
    ),
    # Entropy search.
    of(max_value.qMaxValueEntropy, **CANDIDATES),
    of(max_value.qLowerBoundMaxValueEntropy, **CANDIDATES),
    of(max_value.qMultiFidelityMaxValueEntropy, **CANDIDATES, **FIDELITY),
    of(max_value.qMultiFidelityLowerBoundMaxValueEntropy, **CANDIDATES, **FIDELITY),
    of(qJointEntropySearch, "optimal_inputs", "optimal_outputs", sizes=MC_SIZES),
    of(qPredictiveEntropySearch, "optimal_inputs", has_gradient=False),
    # Wrappers.
    _around(FixedFeatureAcquisitionFunction, _improvement, 2, [1], [0.5], width=1),
    _around(penalized.PenalizedAcquisitionFunction, _improvement, _penalty, 0.1),
    _around(PriorGuidedAcquisitionFunction, _sampled_improvement, Prior()),
    _around(
        knowledge_gradient.ProjectedAcquisitionFunction,
        of(analytic.PosteriorMean),
        to_target_fidelity,
    ),
    _around(ProximalAcquisitionFunction, _improvement, torch.ones(2, dtype=torch.double)),
]
