"""State: saving, copying, moving, and what a fit and a posterior leave behind."""

import copy
import pickle
import random
import warnings

import numpy as np
import torch
from botorch.models.model import Model
from torch import Tensor

from botorch_cll.testing.asserts import assert_close, assert_same_bits
from botorch_cll.testing.subject import Subject, uniform


def _scramble(model: Model) -> None:
    """Change every parameter of a model."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.3).add_(0.1)


def _assert_same(s: Subject, model: Model, expected: Tensor, what: str, tol: float = 0.0) -> None:
    """A model predicts what it should, by default bit for bit."""
    found = s.moments(model, observation_noise=True)
    assert_close(found, expected, what, rtol=tol, atol=0.01 * tol)


def state_dict_restores_the_fit(s: Subject) -> None:
    """The state of a fitted model, loaded into a model of the same data, restores the fit."""
    state = copy.deepcopy(s.model.state_dict())
    other = s.fit()
    _scramble(other)
    other.load_state_dict(state)
    expected = s.moments(observation_noise=True)
    _assert_same(s, other, expected, "moments after loading the state", tol=1e-6)


def state_dict_holds_all_there_is(s: Subject) -> None:
    """The state of a fitted model, loaded into a model of fewer other rows, gives the same bits."""
    X = 2.0 + 3.0 * uniform(11, 2, seed=10)
    other = s.fit(X, 5.0 - s.observe(X))
    other.load_state_dict(copy.deepcopy(s.model.state_dict()))
    expected = s.moments(observation_noise=True)
    _assert_same(s, other, expected, "moments after loading the state")


def pickle_round_trip(s: Subject) -> None:
    """A pickled model gives the same bits."""
    model = s.fit()
    expected = s.moments(model, observation_noise=True)
    duplicate = pickle.loads(pickle.dumps(model))
    _assert_same(s, duplicate, expected, "moments of the unpickled model")


def deepcopy(s: Subject) -> None:
    """A deep copy gives the same bits and shares nothing with the model."""
    model = s.fit()
    expected = s.moments(model, observation_noise=True)
    duplicate = copy.deepcopy(model)
    _assert_same(s, duplicate, expected, "moments of the copy")
    _scramble(duplicate)
    _assert_same(s, model, expected, "moments of the model after changing the copy")


def dtype_may_be_changed(s: Subject) -> None:
    """`model.float()` takes float32 inputs and predicts the same up to precision."""
    expected = s.moments().float()
    found = s.moments(s.fit().float(), s.test_X.float())
    assert found.dtype == torch.float32, f"Expected torch.float32, got {found.dtype}."
    assert_close(found, expected, "moments in single precision", rtol=1e-2, atol=1e-2)


def mode_does_not_matter(s: Subject) -> None:
    """The posterior is the same after `train()` and `eval()`, and in both modes."""
    model = s.fit()
    expected = s.moments(model, observation_noise=True)
    for mode in (True, False, True):
        _assert_same(s, model.train(mode), expected, f"moments after train({mode})", tol=1e-7)


def same_seed_same_bits(s: Subject) -> None:
    """The same `seed` gives the same bits, whatever the global random state."""
    first, second = (s.moments(s.fit(global_seed=i, seed=3)) for i in (1, 2))
    assert_same_bits(second, first, "moments of a second fit with the same seed")


def _random_states() -> dict[str, object]:
    return {
        "PyTorch": torch.get_rng_state().tolist(),
        "NumPy": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "Python": random.getstate(),
    }


def _settings() -> dict[str, object]:
    return {
        "default dtype": torch.get_default_dtype(),
        "thread count": torch.get_num_threads(),
        "grad mode": torch.is_grad_enabled(),
        "warning filters": list(warnings.filters),
    }


def _differences(now: dict[str, object], before: dict[str, object]) -> str:
    return ", ".join(name for name, value in now.items() if value != before[name])


def global_random_state_is_unchanged(s: Subject) -> None:
    """Fit and posterior do not touch the random state of PyTorch, NumPy and Python."""
    # Not the state right after seeding, which a model that seeds would come back to.
    torch.rand(1), np.random.rand(), random.random()  # noqa: NPY002
    before = _random_states()
    s.moments(s.factory(s.X.clone(), s.Y.clone()), observation_noise=True)
    changed = _differences(_random_states(), before)
    assert not changed, f"Expected the random state unchanged, it changed in {changed}."


def global_settings_are_unchanged(s: Subject) -> None:
    """Fit and posterior keep default dtype, thread count, grad mode and warning filters."""
    before = _settings()
    with warnings.catch_warnings():
        # What modules do when they are first imported is not the model's doing.
        s.moments(s.fit())
    s.moments(s.fit(), observation_noise=True)
    changed = _differences(_settings(), before)
    assert not changed, f"Expected global settings unchanged, got others: {changed}."
