"""Acquisition functions for several outputs."""

from operator import attrgetter
from typing import Any

from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.acquisition.multi_objective import analytic, logei, monte_carlo, multi_fidelity, parego
from botorch.acquisition.multi_objective import hypervolume_knowledge_gradient as knowledge
from botorch.acquisition.multi_objective import joint_entropy_search as joint_entropy
from botorch.acquisition.multi_objective import max_value_entropy_search as max_value
from botorch.acquisition.multi_objective import predictive_entropy_search as predictive
from botorch.acquisition.multioutput_acquisition import (
    MultiOutputAcquisitionFunctionWrapper,
    MultiOutputPosteriorMean,
)

from botorch_cll.testing.checks.acquisition import (
    MC_SIZES,
    TARGET_FIDELITY,
    Acquisition,
    of,
    of_all,
    to_target_fidelity,
)
from botorch_cll.testing.subject import Subject

EXPECTED = ("ref_point", "partitioning", "sampler")
NOISY = ("ref_point", "X_baseline", "sampler")
OPTIMA = ("pareto_sets", "pareto_fronts", "hypercell_bounds")
# One fantasy: with more BoTorch 0.18 mixes the fantasies of different elements of a t-batch,
# whatever the model.
ONE_FANTASY: dict[str, Any] = {"model": attrgetter("pair"), "num_fantasies": 1, "num_pareto": 3}


def _improvements(s: Subject) -> AcquisitionFunction:
    pairs = zip(s.pair.models, s.Y.T, strict=True)
    functions = [LogExpectedImprovement(model, best_f=Y.max()) for model, Y in pairs]
    return MultiOutputAcquisitionFunctionWrapper(functions)


SEVERAL_OUTPUTS = [
    of_all(analytic.ExpectedHypervolumeImprovement, "ref_point", "partitioning"),
    of_all(monte_carlo.qExpectedHypervolumeImprovement, *EXPECTED),
    of_all(logei.qLogExpectedHypervolumeImprovement, *EXPECTED),
    of_all(monte_carlo.qNoisyExpectedHypervolumeImprovement, *NOISY, prune_baseline=True),
    of_all(logei.qLogNoisyExpectedHypervolumeImprovement, *NOISY, prune_baseline=True),
    of_all(parego.qLogNParEGO, "X_baseline", "sampler"),
    of_all(multi_fidelity.MOMF, *EXPECTED),
    of(knowledge.qHypervolumeKnowledgeGradient, "ref_point", **ONE_FANTASY),
    of(
        knowledge.qMultiFidelityHypervolumeKnowledgeGradient,
        "ref_point",
        target_fidelities=TARGET_FIDELITY,
        project=to_target_fidelity,
        **ONE_FANTASY,
    ),
    of_all(joint_entropy.qLowerBoundMultiObjectiveJointEntropySearch, *OPTIMA, sizes=MC_SIZES),
    of_all(
        max_value.qLowerBoundMultiObjectiveMaxValueEntropySearch,
        "hypercell_bounds",
        sizes=MC_SIZES,
    ),
    of_all(predictive.qMultiObjectivePredictiveEntropySearch, "pareto_sets", has_gradient=False),
    of_all(MultiOutputPosteriorMean, num_values=2),
    Acquisition("MultiOutputAcquisitionFunctionWrapper", _improvements, num_values=2),
]
