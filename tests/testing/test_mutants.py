"""A model with one thing broken fails the checks of that thing, and no others."""

import copy
import warnings
from functools import partial

import pytest
import torch
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.models import SingleTaskGP

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import RegularizedMultiTaskRBFModel
from botorch_cll.posteriors import MemberPosterior
from botorch_cll.testing import Outcome, run_checks
from botorch_cll.testing.registry import CHECKS


def failures(factory, *groups: str) -> set[str]:
    names = [name for name, check in CHECKS.items() if {check.group, name} & {*groups}]
    assert names
    return {r.name for r in run_checks(factory, names=names) if r.outcome != Outcome.PASSED}


def rbf(train_X, train_Y, model_class=RegularizedMultiTaskRBFModel, **options):
    options = {"num_restarts": 8, "num_centers": 12} | options
    return fit_rbf_ensemble(model_class(train_X, train_Y, **options))


def of(model_class):
    """The factory of a class of models."""
    return partial(rbf, model_class=model_class)


def broken_rbf(posterior):
    """The factory of a model with its own `posterior(self, original, X, **options)`."""

    class Broken(RegularizedMultiTaskRBFModel):
        def posterior(self, X, *args, **options):
            return posterior(self, super().posterior, X, *args, **options)

    return of(Broken)


# -- the posterior ---------------------------------------------------------------------------------


class NegativeVariance(MemberPosterior):
    @property
    def variance(self):
        return super().variance - 10.0


class WideDistribution(MemberPosterior):
    @property
    def distribution(self):
        found = super().distribution
        return type(found)(found.mean, 2.0 * found.covariance_matrix)


class FreshSamples(MemberPosterior):
    def rsample_from_base_samples(self, sample_shape, base_samples):
        return super().rsample_from_base_samples(sample_shape, torch.randn_like(base_samples))


class NarrowSamples(MemberPosterior):
    def rsample_from_base_samples(self, sample_shape, base_samples):
        return super().rsample_from_base_samples(sample_shape, 0.5 * base_samples)


def changed(posterior_class=MemberPosterior, values=lambda values, X: values, noise=lambda it: it):
    """Posteriors of another class, or with other values or noise."""

    def posterior(self, original, X, *args, **options):
        found = original(X, *args, **options)
        changed_noise = None if found.noise is None else noise(found.noise)
        return posterior_class(values(found.values, X), changed_noise)

    return posterior


def without(option):
    """Posteriors that ignore an option."""

    def posterior(self, original, X, *args, **options):
        options.pop(option, None)
        return original(X, *args, **options)

    return posterior


depends_on_batch = changed(values=lambda values, X: values + 0.1 * X.mean())


def broadcasts_width(self, original, X, *args, **options):
    return original(X[..., :2], *args, **options)


def forgets_offset(self, original, X, *args, posterior_transform=None, **options):
    if isinstance(posterior_transform, ScalarizedPosteriorTransform):
        posterior_transform = ScalarizedPosteriorTransform(posterior_transform.weights)
    return original(X, *args, posterior_transform=posterior_transform, **options)


def flat_variance(self, original, X, *args, posterior_transform=None, **options):
    found = original(X, *args, posterior_transform=posterior_transform, **options)
    if posterior_transform is not None:
        return found
    unit = found.values - found.mean.unsqueeze(-3)
    return MemberPosterior(
        found.mean.unsqueeze(-3) + unit / found.variance.sqrt().unsqueeze(-3), found.noise
    )


SHAPES = {"shapes", "shapes_with_observation_noise", "shapes_of_one_and_three_outputs"}


class Sorted(RegularizedMultiTaskRBFModel):
    """Ignores the order of the outputs in a subset."""

    def subset_output(self, idcs):
        return super().subset_output(sorted(idcs))


BROKEN_POSTERIORS = {
    "negative variance": (
        changed(NegativeVariance),
        {*SHAPES, "covariance_agrees_with_variance", "single_precision", "device"},
    ),
    "covariance of another posterior": (
        changed(WideDistribution),
        {"covariance_agrees_with_variance"},
    ),
    "depends on the batch": (depends_on_batch, {"batches_are_independent"}),
    "ignores noise": (
        without("observation_noise"),
        {"observation_noise_adds_variance", "observation_noise_tensor_is_added"},
    ),
    "doubles noise": (
        changed(noise=lambda noise: 2.0 * noise),
        {"observation_noise_tensor_is_added"},
    ),
    "no gradient": (
        changed(values=lambda values, X: values.detach() + 0.0 * values),
        {"gradients_reach_inputs", "gradient_of_mean", "gradient_of_variance"},
    ),
    "always double": (
        changed(values=lambda values, X: values.double(), noise=torch.Tensor.double),
        {"single_precision"},
    ),
    "takes more columns": (broadcasts_width, {"wrong_width_is_refused"}),
}
BROKEN_OUTPUTS_AND_SAMPLES = {
    "forgets the offset": (forgets_offset, {"scalarization_is_exact"}),
    "ignores output_indices": (without("output_indices"), {"output_indices"}),
    "fresh samples": (changed(FreshSamples), {"same_base_samples_give_same_samples"}),
    "narrow samples": (changed(NarrowSamples), {"samples_have_moments", "samples_have_covariance"}),
    # The scale of a combination of outputs is then another one too.
    "equally sure everywhere": (
        flat_variance,
        {"uncertainty_grows_away_from_data", "scalarization_is_exact"},
    ),
}


# -- data and state --------------------------------------------------------------------------------


def changes_targets(train_X, train_Y, **options):
    model = rbf(train_X, train_Y, **options)
    train_Y += 1.0
    return model


def keeps_a_reference(train_X, train_Y, **options):
    class Shifted(RegularizedMultiTaskRBFModel):
        def posterior(self, X, *args, **options):
            found = super().posterior(X, *args, **options)
            shift = train_Y.nan_to_num().sum() - total
            return MemberPosterior(found.values + shift, found.noise)

    total = train_Y.nan_to_num().sum().clone()
    return rbf(train_X, train_Y, Shifted, **options)


def knows_the_first_row(train_X, train_Y, **options):
    return rbf(train_X, train_Y + 0.2 * train_Y[:1].nan_to_num(), **options)


def ignores_known_noise(train_X, train_Y, train_Yvar=None, **options):
    return rbf(train_X, train_Y, **options)


def fills_gaps(train_X, train_Y, **options):
    return rbf(train_X, train_Y.nan_to_num(), **options)


BROKEN_FITS = {
    "changes the targets": (changes_targets, {"training_data_are_not_modified"}),
    "keeps a reference": (keeps_a_reference, {"training_data_are_not_aliased"}),
    "knows the first row": (
        knows_the_first_row,
        {
            "rows_may_be_permuted",
            # It adds the first target to others of the same column.
            "masked_entry_is_an_observation_less",
            "long_data_do_what_wide_data_do",
            "targets_may_be_scaled_and_shifted",
            "constant_targets",
        },
    ),
    "ignores known noise": (ignores_known_noise, {"train_Yvar_is_used"}),
    "fills gaps with zeros": (
        fills_gaps,
        {"masked_row_is_a_deleted_row", "masked_entry_is_an_observation_less"},
    ),
}


def rbf_after(action, *arguments):
    """A factory that does something else first."""

    def factory(train_X, train_Y, **options):
        action(*arguments)
        return rbf(train_X, train_Y, **options)

    return factory


def ignores_seed(train_X, train_Y, seed=0):
    return rbf(train_X, train_Y, seed=int(torch.randint(1000, (1,))))


class Forgetful(RegularizedMultiTaskRBFModel):
    """Keeps a part of the fit out of its state."""

    def state_dict(self, *args, **options):
        state = super().state_dict(*args, **options)
        return {name: value for name, value in state.items() if name != "input_offset"}

    def load_state_dict(self, state_dict, strict=True, assign=False):
        return super().load_state_dict(state_dict, strict=False, assign=assign)


class Shallow(RegularizedMultiTaskRBFModel):
    """Shares its network with its copies."""

    def __deepcopy__(self, memo):
        duplicate = copy.copy(self)
        duplicate._modules = dict(self._modules)
        return duplicate


class Moody(RegularizedMultiTaskRBFModel):
    """Predicts something else in training mode."""

    def posterior(self, X, *args, **options):
        shift = 0.1 * self.training  # before the posterior ends the training mode
        found = super().posterior(X, *args, **options)
        return MemberPosterior(found.values + shift, found.noise)


BROKEN_STATE = {
    "seeds the world": (rbf_after(torch.manual_seed, 0), {"global_random_state_is_unchanged"}),
    "silences warnings": (
        rbf_after(warnings.filterwarnings, "ignore", "nobody needs to know"),
        {"global_settings_are_unchanged"},
    ),
    "changes the default dtype": (
        rbf_after(torch.set_default_dtype, torch.double),
        {"global_settings_are_unchanged"},
    ),
    "ignores its seed": (ignores_seed, {"same_seed_same_bits", "global_random_state_is_unchanged"}),
    "forgets a part of the state": (of(Forgetful), {"state_dict_holds_all_there_is"}),
    "shares its parameters with copies": (of(Shallow), {"deepcopy"}),
    "depends on its mode": (of(Moody), {"mode_does_not_matter"}),
}


# -- fantasies and acquisition functions -----------------------------------------------------------


class Elsewhere(SingleTaskGP):
    """Learns where nothing was observed."""

    def condition_on_observations(self, X, Y, **options):
        return super().condition_on_observations(X + 1e3, Y, **options)


class Changed(SingleTaskGP):
    """Is another model after it was conditioned."""

    def condition_on_observations(self, X, Y, **options):
        conditioned = super().condition_on_observations(X, Y, **options)
        self.train()
        self.likelihood.noise = 2.0 * self.likelihood.noise
        return conditioned


class Contrary(SingleTaskGP):
    """Learns the opposite of what it sees."""

    def condition_on_observations(self, X, Y, **options):
        return super().condition_on_observations(X, -Y, **options)


class Flat(SingleTaskGP):
    """Takes the fantasies as they are, without a gradient in the points."""

    def fantasize(self, X, sampler, **options):
        return super().fantasize(X.detach(), sampler, **options)


BROKEN_FANTASIES = {
    "nothing broken": (SingleTaskGP, set()),
    "learns elsewhere": (
        Elsewhere,
        {"conditioning_shrinks_variance", "conditioning_moves_the_mean"},
    ),
    "is changed": (Changed, {"conditioning_keeps_the_original"}),
    "learns the opposite": (
        Contrary,
        {"conditioning_moves_the_mean", "fantasies_keep_the_mean_on_average"},
    ),
    "no gradient in fantasies": (Flat, {"gradient_through_fantasies"}),
}

# What is broken: the groups of checks that look at it, the model's factory, and what fails.
MUTANTS = {
    name: (groups, wrap(broken), expected)
    for groups, wrap, table in (
        (("posterior",), broken_rbf, BROKEN_POSTERIORS),
        (("outputs", "samples"), broken_rbf, BROKEN_OUTPUTS_AND_SAMPLES),
        (("outputs",), of, {"subset in another order": (Sorted, {"subset_output"})}),
        (("data",), lambda factory: factory, BROKEN_FITS),
        (("state",), lambda factory: factory, BROKEN_STATE),
        (("fantasies",), lambda model: lambda X, Y: model(X, Y), BROKEN_FANTASIES),
    )
    for name, (broken, expected) in table.items()
}


@pytest.mark.parametrize(("groups", "factory", "expected"), MUTANTS.values(), ids=MUTANTS.keys())
def test_mutants_fail_the_checks_of_what_is_broken(groups, factory, expected) -> None:
    assert failures(factory, *groups) == expected


def test_acquisition_functions_notice_a_posterior_that_depends_on_the_batch() -> None:
    names = ("LogExpectedImprovement", "qLogExpectedImprovement", "qSimpleRegret")
    assert failures(broken_rbf(depends_on_batch), *names) == {*names}
