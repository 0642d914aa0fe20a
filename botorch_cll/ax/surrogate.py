"""One model of all metrics where Ax makes one for each."""

from collections.abc import Mapping, Sequence
from typing import Self, cast

from ax.core.search_space import SearchSpaceDigest
from ax.core.types import TCandidateMetadata
from ax.generators.torch.botorch_modular.surrogate import Surrogate
from botorch.models import MultiTaskGP
from botorch.models.model import Model
from botorch.utils.datasets import SupervisedDataset
from torch import Tensor

from botorch_cll.ax.data import merge_datasets, same_data
from botorch_cll.optim.random_state import isolated_random_state

Folds = list[tuple[SupervisedDataset, Model]]


class JointSurrogate(Surrogate):
    """A surrogate whose model sees the observations of all metrics at once.

    The data sets that Ax makes per metric are joined, NaN where a metric was not observed in a
    trial, and the model of the one `ModelConfig` is fitted to all of them. To acquisition functions
    and the rest of Ax it looks as before: one data set and one output of the model per metric, in
    the order of `outcomes`.

    Ax cross-validates clones of a surrogate, with the state of the model of all data if it is left
    at its defaults. A GP is then conditioned on the data of the fold, and only its hyper-parameters
    come from all data. An ensemble would predict what it has seen; it is fitted to each fold once,
    however often Ax asks for it, until the surrogate itself is fitted to other data.

    Arguments are those of Ax's `Surrogate`.
    """

    _folds: Folds | None = None
    _is_fold: bool = False

    def fit(
        self,
        datasets: Sequence[SupervisedDataset],
        search_space_digest: SearchSpaceDigest,
        candidate_metadata: list[list[TCandidateMetadata]] | None = None,
        state_dict: Mapping[str, Tensor] | None = None,
        refit: bool = True,
        repeat_model_selection_if_dataset_changed: bool = True,
    ) -> None:
        """Fit the model to the data sets of all metrics. Arguments are those of Ax's `Surrogate`.

        `state_dict` and `refit` are for the hyper-parameters of a GP. Ensembles are always fitted:
        their state is what they know of the data.

        Raises:
            UnsupportedError: If the data sets cannot be joined, see `merge_datasets`.
        """
        merged = merge_datasets(datasets)
        previous = self._model
        [config] = self.surrogate_spec.model_configs
        is_gp = issubclass(cast(type[Model], config.botorch_model_class), MultiTaskGP)
        if self._is_fold:
            self._recall(merged)
        # GPs over tasks start at random, without a generator of their own.
        with isolated_random_state(0, merged.X.device):
            super().fit(
                datasets=[merged],
                search_space_digest=search_space_digest,
                candidate_metadata=candidate_metadata,
                state_dict=state_dict if is_gp else None,
                refit=refit if is_gp else True,
                repeat_model_selection_if_dataset_changed=repeat_model_selection_if_dataset_changed,
            )
        self._training_data = list(datasets)
        if self._is_fold:
            self._remember(merged)
        elif self._model is not previous:
            self._folds = None

    @property
    def observations(self) -> tuple[Tensor, Tensor]:
        """The `n x d`-dim inputs and `n x m`-dim outcomes of the fit, NaN if not observed.

        Observations of auxiliary experiments are not among them: Ax leaves the target's only.
        """
        merged = merge_datasets(self.training_data)
        return merged.X, merged.Y

    def clone_reset(self) -> Self:
        """A surrogate of the same settings without data, for the folds of a cross-validation."""
        clone = cast(Self, super().clone_reset())
        if self._folds is None:
            self._folds = []
        clone._folds, clone._is_fold = self._folds, True
        return clone

    def _dataset_matches_cache(self, dataset: SupervisedDataset) -> bool:
        names = tuple(dataset.outcome_names)
        return names in self._submodels and same_data(dataset, self._last_datasets[names])

    def _recall(self, merged: SupervisedDataset) -> None:
        """Take over the model of a fold that was fitted before."""
        for dataset, model in self._folds or []:
            if same_data(dataset, merged):
                names = tuple(merged.outcome_names)
                self._submodels[names], self._last_datasets[names] = model, dataset

    def _remember(self, merged: SupervisedDataset) -> None:
        """Keep the model of a fold, unless it is one that was recalled."""
        assert self._folds is not None
        if all(model is not self.model for _, model in self._folds):
            self._folds.append((merged, self.model))
