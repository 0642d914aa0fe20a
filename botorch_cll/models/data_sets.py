"""Models from BoTorch's data sets."""

from abc import ABC
from typing import Any

from botorch.exceptions import UnsupportedError
from botorch.models.model import Model
from botorch.utils.datasets import MultiTaskDataset, SupervisedDataset


class FromDataSets(Model, ABC):
    """A model of wide or long data that BoTorch, and so Ax, can construct from a data set."""

    @classmethod
    def construct_inputs(
        cls,
        training_data: SupervisedDataset,
        categorical_features: list[int] | None = None,
        fidelity_features: list[int] | None = None,
        task_feature: int | None = None,
        output_tasks: list[int] | None = None,
        all_tasks: list[int] | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """The arguments of the model that follow from a data set, as BoTorch and Ax ask for them.

        A `SupervisedDataset` with several outcomes is wide data, whose NaN are tasks not observed.
        A `MultiTaskDataset` is long data: if it does not say where its task column is, that is the
        last one, and task 0 is its target outcome, the only output unless `output_tasks` says else.

        Raises:
            UnsupportedError: If there are categorical or fidelity features, or the data sets of a
                `MultiTaskDataset` have different features.
        """
        for kind, columns in (
            ("categorical_features", categorical_features),
            ("fidelity_features", fidelity_features),
        ):
            if columns:
                raise UnsupportedError(f"Expected no {kind}, got {columns}: not supported.")
        inputs = super().construct_inputs(training_data=training_data)
        if isinstance(training_data, MultiTaskDataset):
            if training_data.task_feature_index is None:
                width = inputs["train_X"].shape[-1]
                task_feature = width - 1 if task_feature is None else task_feature
                if task_feature % width != width - 1:
                    raise UnsupportedError(
                        f"Expected task_feature {width - 1}, the column that the MultiTaskDataset "
                        f"appends, got {task_feature}."
                    )
                all_tasks = list(range(len(training_data.datasets)))
                output_tasks = [0] if output_tasks is None else output_tasks
            elif task_feature is None:
                task_feature = training_data.task_feature_index
        if bool(inputs["train_Y"].isnan().any()):
            options = {"missing": "mask"} | options
        if task_feature is not None:
            options |= {"task_feature": task_feature, "output_tasks": output_tasks}
            options |= {"all_tasks": all_tasks}
        return inputs | options
