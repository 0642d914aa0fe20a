"""Acquisition functions for several outputs, and risk measures."""

from __future__ import annotations

from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.acquisition.multi_objective.analytic import ExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.hypervolume_knowledge_gradient import (
    qHypervolumeKnowledgeGradient,
    qMultiFidelityHypervolumeKnowledgeGradient,
)
from botorch.acquisition.multi_objective.joint_entropy_search import (
    qLowerBoundMultiObjectiveJointEntropySearch,
)
from botorch.acquisition.multi_objective.logei import (
    qLogExpectedHypervolumeImprovement,
    qLogNoisyExpectedHypervolumeImprovement,
)
from botorch.acquisition.multi_objective.max_value_entropy_search import (
    qLowerBoundMultiObjectiveMaxValueEntropySearch,
)
from botorch.acquisition.multi_objective.monte_carlo import (
    qExpectedHypervolumeImprovement,
    qNoisyExpectedHypervolumeImprovement,
)
from botorch.acquisition.multi_objective.multi_fidelity import MOMF
from botorch.acquisition.multi_objective.parego import qLogNParEGO
from botorch.acquisition.multi_objective.predictive_entropy_search import (
    qMultiObjectivePredictiveEntropySearch,
)
from botorch.acquisition.multi_objective.utils import compute_sample_box_decomposition
from botorch.acquisition.multioutput_acquisition import (
    MultiOutputAcquisitionFunctionWrapper,
    MultiOutputPosteriorMean,
)
from botorch.utils.multi_objective.box_decompositions import NondominatedPartitioning

from botorch_cll.testing.checks.acquisition import Acquisition, add_acquisitions
from botorch_cll.testing.checks.single_output import (
    MC_SIZES,
    TARGET_FIDELITY,
    to_target_fidelity,
)
from botorch_cll.testing.subject import Subject


def _partitioning(s: Subject) -> NondominatedPartitioning:
    return NondominatedPartitioning(ref_point=s.ref_point, Y=s.Y)


def _hypervolume(function: type[AcquisitionFunction]) -> Acquisition:
    return Acquisition(
        lambda s: function(s.model, s.ref_point, _partitioning(s), sampler=s.sampler(s.model)),
        MC_SIZES,
    )


def _noisy_hypervolume(function: type[AcquisitionFunction]) -> Acquisition:
    return Acquisition(
        lambda s: function(
            s.model, s.ref_point, s.X, sampler=s.sampler(s.model), prune_baseline=True
        ),
        MC_SIZES,
    )


def _joint_entropy(s: Subject) -> AcquisitionFunction:
    sets, fronts = s.pareto_optima()
    boxes = compute_sample_box_decomposition(fronts)
    return qLowerBoundMultiObjectiveJointEntropySearch(s.model, sets, fronts, boxes)


def _max_value_entropy(s: Subject) -> AcquisitionFunction:
    boxes = compute_sample_box_decomposition(s.pareto_optima()[1])
    return qLowerBoundMultiObjectiveMaxValueEntropySearch(s.model, boxes)


# Hypervolume knowledge gradients have one fantasy: with more BoTorch 0.18 mixes the fantasies of
# different elements of a t-batch, whatever the model.
MULTI_OBJECTIVE = {
    "ExpectedHypervolumeImprovement": Acquisition(
        lambda s: ExpectedHypervolumeImprovement(s.model, s.ref_point.tolist(), _partitioning(s))
    ),
    "qExpectedHypervolumeImprovement": _hypervolume(qExpectedHypervolumeImprovement),
    "qLogExpectedHypervolumeImprovement": _hypervolume(qLogExpectedHypervolumeImprovement),
    "qNoisyExpectedHypervolumeImprovement": _noisy_hypervolume(
        qNoisyExpectedHypervolumeImprovement
    ),
    "qLogNoisyExpectedHypervolumeImprovement": _noisy_hypervolume(
        qLogNoisyExpectedHypervolumeImprovement
    ),
    "qLogNParEGO": Acquisition(
        lambda s: qLogNParEGO(s.model, s.X, sampler=s.sampler(s.model)), MC_SIZES
    ),
    "MOMF": _hypervolume(MOMF),
    "qHypervolumeKnowledgeGradient": Acquisition(
        lambda s: qHypervolumeKnowledgeGradient(s.pair, s.ref_point, num_fantasies=1, num_pareto=3)
    ),
    "qMultiFidelityHypervolumeKnowledgeGradient": Acquisition(
        lambda s: qMultiFidelityHypervolumeKnowledgeGradient(
            s.pair,
            s.ref_point,
            target_fidelities=TARGET_FIDELITY,
            num_fantasies=1,
            num_pareto=3,
            project=to_target_fidelity,
        )
    ),
    "qLowerBoundMultiObjectiveJointEntropySearch": Acquisition(_joint_entropy, MC_SIZES),
    "qLowerBoundMultiObjectiveMaxValueEntropySearch": Acquisition(_max_value_entropy, MC_SIZES),
    "qMultiObjectivePredictiveEntropySearch": Acquisition(
        lambda s: qMultiObjectivePredictiveEntropySearch(s.model, s.pareto_optima()[0]),
        has_gradient=False,
    ),
    "MultiOutputPosteriorMean": Acquisition(
        lambda s: MultiOutputPosteriorMean(s.model), num_values=2
    ),
    "MultiOutputAcquisitionFunctionWrapper": Acquisition(
        lambda s: MultiOutputAcquisitionFunctionWrapper(
            [
                LogExpectedImprovement(model, best_f=Y.max())
                for model, Y in zip(s.pair.models, s.Y.T, strict=True)
            ]
        ),
        num_values=2,
    ),
}

add_acquisitions(MULTI_OBJECTIVE, "several outputs")
