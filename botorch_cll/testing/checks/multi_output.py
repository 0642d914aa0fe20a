"""Acquisition functions for several outputs."""

from __future__ import annotations

from operator import attrgetter

from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.acquisition.multi_objective import (
    analytic,
    hypervolume_knowledge_gradient,
    joint_entropy_search,
    logei,
    max_value_entropy_search,
    monte_carlo,
    multi_fidelity,
    parego,
    predictive_entropy_search,
)
from botorch.acquisition.multioutput_acquisition import (
    MultiOutputAcquisitionFunctionWrapper,
    MultiOutputPosteriorMean,
)

from botorch_cll.testing.checks.acquisition import (
    MC_SIZES,
    TARGET_FIDELITY,
    Acquisition,
    of_all,
    to_target_fidelity,
)
from botorch_cll.testing.subject import Subject

EXPECTED = ("ref_point", "partitioning", "sampler")
NOISY = ("ref_point", "X_baseline", "sampler")
# One fantasy: with more BoTorch 0.18 mixes the fantasies of different elements of a t-batch,
# whatever the model.
FANTASIES = {"num_fantasies": 1, "num_pareto": 3}


def _improvements(s: Subject) -> AcquisitionFunction:
    return MultiOutputAcquisitionFunctionWrapper(
        [
            LogExpectedImprovement(model, best_f=Y.max())
            for model, Y in zip(s.pair.models, s.Y.T, strict=True)
        ]
    )


SEVERAL_OUTPUTS = [
    of_all(analytic.ExpectedHypervolumeImprovement, "ref_point", "partitioning"),
    of_all(monte_carlo.qExpectedHypervolumeImprovement, *EXPECTED),
    of_all(logei.qLogExpectedHypervolumeImprovement, *EXPECTED),
    of_all(monte_carlo.qNoisyExpectedHypervolumeImprovement, *NOISY, prune_baseline=True),
    of_all(logei.qLogNoisyExpectedHypervolumeImprovement, *NOISY, prune_baseline=True),
    of_all(parego.qLogNParEGO, "X_baseline", "sampler"),
    of_all(multi_fidelity.MOMF, *EXPECTED),
    of_all(
        hypervolume_knowledge_gradient.qHypervolumeKnowledgeGradient,
        "ref_point",
        model=attrgetter("pair"),
        **FANTASIES,
    ),
    of_all(
        hypervolume_knowledge_gradient.qMultiFidelityHypervolumeKnowledgeGradient,
        "ref_point",
        model=attrgetter("pair"),
        target_fidelities=TARGET_FIDELITY,
        project=to_target_fidelity,
        **FANTASIES,
    ),
    of_all(
        joint_entropy_search.qLowerBoundMultiObjectiveJointEntropySearch,
        "pareto_sets",
        "pareto_fronts",
        "hypercell_bounds",
        sizes=MC_SIZES,
    ),
    of_all(
        max_value_entropy_search.qLowerBoundMultiObjectiveMaxValueEntropySearch,
        "hypercell_bounds",
        sizes=MC_SIZES,
    ),
    of_all(
        predictive_entropy_search.qMultiObjectivePredictiveEntropySearch,
        "pareto_sets",
        has_gradient=False,
    ),
    of_all(MultiOutputPosteriorMean, num_values=2),
    Acquisition("MultiOutputAcquisitionFunctionWrapper", _improvements, num_values=2),
]
