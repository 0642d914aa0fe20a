"""The default fit: closed form, out of sample, for any number of rows."""

import numpy as np
import pytest
import torch

from botorch_cll.couplings import layers
from botorch_cll.data.blocks import noise_weights
from botorch_cll.fit import TwoStageOptions, fit_rbf_ensemble
from botorch_cll.fit import search as fit_search
from botorch_cll.fit.hidden_settings import HiddenSettings
from botorch_cll.models import MultiRBFCorrelationModel, SingleRBFModel
from botorch_cll.settings import NETWORK, SearchSettings
from botorch_cll.test_functions import ShiftedTasks

NAN = float("nan")
ALL_ROWS = TwoStageOptions(sample_fraction=1.0)


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def smooth(X: torch.Tensor) -> torch.Tensor:
    base = torch.sin(4 * X[..., 0]) + torch.cos(3 * X[..., 1]) * X[..., 2]
    return torch.stack([base, base + X[..., 2] ** 2], dim=-1)


def make_model(n: int = 25, num_restarts: int = 4, num_centers: int = 8, **options):
    X = rand(n, 3)
    return MultiRBFCorrelationModel(
        X, smooth(X), num_restarts=num_restarts, num_centers=num_centers, **options
    )


@pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
@pytest.mark.parametrize(
    ("n", "num_restarts", "num_centers"), [(25, 4, 8), (1600, 32, 40)], ids=["few", "many"]
)
def test_output_weights_are_ridge_regressions(n, num_restarts, num_centers, noisy):
    """Many rows do not fit in one block."""
    noise = {"train_Yvar": rand(n, 2, seed=1)} if noisy else {}
    model = make_model(n, num_restarts, num_centers, correlation_layers=None, **noise)
    fit_rbf_ensemble(model, options=ALL_ROWS)
    data, network = model.data, model.fitted.members.network
    for s, t in [(0, 0), (1, 1), (num_restarts - 1, 0)]:
        single = (network.centers[s, t], network.log_length_scale[s, t].exp(), network.weight[s, t])
        centers, length_scale, weight = (part.numpy() for part in single)
        X, y = data.X.numpy(), data.Y[:, t].numpy()
        z = 2 * X - 1
        radial = np.exp(-0.5 * (((X[:, None] - centers) / length_scale) ** 2).sum(-1))
        phi = np.hstack([radial, np.ones((n, 1)), z, z**2])
        omega = noise_weights(data)[:, t].numpy()
        over = phi.T @ (omega * (y - phi @ weight))
        K, scale = num_centers, np.abs(phi.T @ y).max()
        ridge = (over[:K] @ weight[:K]) / (weight[:K] @ weight[:K])
        assert 0 < ridge < 20
        np.testing.assert_allclose(over[:K], ridge * weight[:K], atol=1e-6 * scale)
        for column in range(K, len(weight)):
            if abs(weight[column]) > 1e-5:
                expected = NETWORK.tail_ridge * weight[column]
                assert over[column] == pytest.approx(expected, abs=1e-6 * scale)


def test_restarts_differ_in_centers_and_weights():
    network = fit_rbf_ensemble(make_model(40, num_restarts=12)).fitted.members.network
    for parameter in (network.centers, network.weight):
        for s in range(11):
            assert not torch.equal(parameter[s], parameter[s + 1])


def test_rows_that_a_restart_is_not_given_play_no_part():
    X = rand(20, 3)
    # One setting leaves nothing to choose, so that targets act through the closed form alone.
    options = TwoStageOptions(sample_fraction=0.5, num_initial=1, num_rounds=0)

    def parameters(Y: torch.Tensor) -> list[torch.Tensor]:
        model = MultiRBFCorrelationModel(
            X, Y, num_restarts=1, num_centers=5, correlation_layers=(4,), outcome_transform=None
        )
        return list(fit_rbf_ensemble(model, options=options).parameters())

    expected, influential = parameters(smooth(X)), 0
    for row in range(20):
        Y = smooth(X)
        # The variance, which is the unit of a task, stays.
        others = Y[torch.arange(20) != row, 0]
        Y[row, 0] = 2 * others.mean() - Y[row, 0]
        found = parameters(Y)
        influential += not all(torch.allclose(p, q) for p, q in zip(found, expected, strict=True))
    assert influential == 10


@pytest.fixture
def searched(monkeypatch):
    """Score settings by a function of them and the rows' inputs; return the batches scored."""

    def search(errors) -> list[HiddenSettings]:
        batches = []

        def score_settings(coupling, X, blocks, settings, centers):
            batches.append(settings)
            x = X[blocks.per_task().index]
            return errors(settings, x).expand(len(settings), *x.shape[:-1])

        monkeypatch.setattr(fit_search, "score_settings", score_settings)
        return batches

    return search


def test_a_restart_draws_a_setting_that_is_good_on_its_own_rows(searched):
    model = make_model(150, num_restarts=64, correlation_layers=None)
    middle = model.data.X[:, 0].median()

    def errors(settings, x):
        # The first of two settings fits the rows of the one half, the second those of the other.
        left = x[..., 0] <= middle
        return torch.stack([torch.where(fits, 0.01, 1.0) for fits in (left, ~left)]).to(x)

    batches = searched(errors)
    options = TwoStageOptions(sample_fraction=0.3, num_initial=2, num_rounds=0, half_rows=0.0)
    members = fit_rbf_ensemble(model, options=options).fitted.members
    network, bags = members.network, members.bags[:, 0]
    left = model.data.X[:, 0] <= middle
    majority = bags[:, left].sum(1) - bags[:, ~left].sum(1)
    is_clear = majority.abs() > 6
    assert is_clear.sum() > 8
    is_first = (network.log_length_scale[:, 0] == batches[0].log_length_scale[0]).all(-1)
    assert torch.equal(is_first[is_clear], majority[is_clear] > 0)


def test_new_settings_descend_from_the_best_of_each_task(searched):
    # By the degree of the tail: best for the first task, middling for both, best for the second.
    of_tasks = torch.tensor([[1.0, 10.0], [3.0, 3.0], [10.0, 1.0]], dtype=torch.double)
    batches = searched(lambda settings, x: of_tasks[settings.tail.squeeze(-1)].unsqueeze(-1))
    options = TwoStageOptions(num_initial=30, num_candidates=50, num_rounds=1)
    fit_rbf_ensemble(make_model(150), options=options)
    drawn, new = (batch.tail.unique().tolist() for batch in batches)
    assert drawn == [0, 1, 2]
    assert new == [0, 2]


def test_a_task_that_every_setting_suits_leaves_its_share_to_all_of_them(searched):
    def errors(settings, x):
        # The first task wants no tail, the second one does not care.
        first = torch.where(settings.tail == 0, 1.0, 10.0).to(x)
        return torch.stack([first, torch.ones_like(first)], dim=1)

    batches = searched(errors)
    search = SearchSettings(pooling_rows=0.0)
    options = TwoStageOptions(num_initial=30, num_candidates=4000, num_rounds=1, search=search)
    fit_rbf_ensemble(make_model(150), options=options)
    drawn, new = ((batch.tail == 0).double().mean().item() for batch in batches)
    assert new == pytest.approx(0.5 + 0.5 * drawn, abs=0.03)


def test_centers_lie_in_the_box_of_the_data():
    centers = fit_rbf_ensemble(make_model(40)).fitted.members.network.centers
    assert centers.shape == (4, 2, 8, 3)
    assert ((centers >= 0) & (centers <= 1)).all()


def test_a_task_with_fewer_rows_than_centers_has_others_drawn_for_every_restart():
    X = rand(80, 3)
    Y = smooth(X)
    Y[5:, 1] = NAN
    model = SingleRBFModel(X, Y, num_restarts=4, num_centers=20, missing="mask")
    centers = fit_rbf_ensemble(model).fitted.members.network.centers
    for task in (0, 1):
        first, *others = centers[:, task]
        for other in others:
            # Two restarts have few in common, if each is near different rows.
            shared = torch.cdist(first, other).amin(-1) < 1e-9
            assert shared.sum() < 10
        # They are as far apart as the inputs are, or little less.
        assert (centers[:, task].std(1) > 0.5 * model.data.X.std(0)).all()


@pytest.mark.parametrize("n", [3, 6])
def test_fewer_rows_than_centers_make_fewer_centers(n):
    model = fit_rbf_ensemble(make_model(n, num_centers=40))
    assert 2 <= model.fitted.members.network.centers.shape[-2] <= n
    assert model.posterior(rand(5, 3)).mean.isfinite().all()


def test_more_rows_than_are_looked_at_in_the_search():
    model = make_model(3000, num_restarts=4, num_centers=30)
    fit_rbf_ensemble(model)
    at = rand(200, 3, seed=3)
    posterior = model.posterior(at, observation_noise=True)
    error = (posterior.mean - smooth(at)).square().mean(0).sqrt()
    assert (error < 0.1 * smooth(at).std(0)).all()
    z = (smooth(at) - posterior.mean) / posterior.variance.sqrt()
    assert ((z.abs() < 1.645).double().mean(0) > 0.7).all()


def test_a_task_of_few_rows_has_its_layer_beside_many_thousands_of_another():
    def rough(X: torch.Tensor) -> torch.Tensor:
        base = (6 * X[:, 0]).sin() * (4 * X[:, 1]).cos() + (5 * X[:, 0] * X[:, 1]).sin()
        return torch.stack([base, base + 0.1 * X[:, 0]], dim=-1)

    X, at = rand(8015, 2), rand(300, 2, seed=99)
    Y = rough(X)
    Y[:15, 0] = Y[15:, 1] = NAN
    covered = []
    for seed in range(4):
        model = fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y, missing="mask", seed=seed))
        assert model.data.observed[model.fitted.left_out_rows].sum(0).tolist() == [1985, 15]
        posterior = model.posterior(at, observation_noise=True)
        error = posterior.mean[:, 1] - rough(at)[:, 1]
        # Without the layer it is some 0.5.
        assert error.square().mean().sqrt() < 0.25 * rough(at)[:, 1].std()
        covered.append((error.abs() < 1.96 * posterior.variance[:, 1].sqrt()).double().mean())
    # Intervals that follow from 15 rows are too wide for some seeds and too narrow for others.
    assert np.mean(covered) > 0.85


def test_calibration_is_of_the_layer_as_the_ensemble_keeps_it(monkeypatch):
    X = rand(30, 3)
    plain = fit_rbf_ensemble(MultiRBFCorrelationModel(X, smooth(X), correlation_layers=None))

    def keep_none(layer, residual, added, weight, settings):
        for parameter in layer.parameters():
            parameter.data.zero_()
        return torch.zeros_like(residual[0])

    whole = fit_rbf_ensemble(MultiRBFCorrelationModel(X, smooth(X)))
    monkeypatch.setattr(layers, "shrink_layer", keep_none)
    model = fit_rbf_ensemble(MultiRBFCorrelationModel(X, smooth(X)))
    torch.testing.assert_close(model.fitted.left_out, plain.fitted.left_out)
    assert (whole.fitted.left_out - plain.fitted.left_out).abs().max() > 1e-3


def test_a_task_of_few_rows_is_searched_as_well_beside_one_of_many():
    at = rand(300, 3, seed=99)

    def error(seed: int, num_rich: int) -> float:
        X = rand(15 + num_rich, 3, seed=seed)
        Y = smooth(X)
        Y[:15, 1] = Y[15:, 0] = NAN
        model = SingleRBFModel(X, Y, num_restarts=16, missing="mask")
        mean = fit_rbf_ensemble(model).posterior(at).mean[:, 0]
        return (mean - smooth(at)[:, 0]).square().mean().sqrt().item()

    few, many = (np.mean([error(seed, n) for seed in range(4)]) for n in (100, 1000))
    assert many < 1.35 * few


@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_noise_variance_is_found(noise):
    X = rand(250, 3)
    generator = torch.Generator().manual_seed(1)
    Y = smooth(X) + noise * torch.randn(250, 2, generator=generator, dtype=torch.double)
    model = fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y, num_restarts=12))
    at = rand(5, 3, seed=3)
    added = model.posterior(at, observation_noise=True).variance - model.posterior(at).variance
    ratio = added.mean(0) / noise**2
    assert ((ratio > 0.4) & (ratio < 2.5)).all()


def test_targets_without_structure_are_not_overfitted():
    generator = torch.Generator().manual_seed(1)
    X, Y = rand(60, 3), torch.randn(60, 2, generator=generator, dtype=torch.double)
    model = fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y, num_restarts=12))
    posterior = model.posterior(rand(300, 3, seed=3), observation_noise=True)
    assert posterior.mean.square().mean().sqrt() < 0.7
    assert (posterior.variance.mean(0) > 0.6).all()


@pytest.mark.parametrize(
    "options",
    [
        TwoStageOptions(sample_fraction=0.5),
        TwoStageOptions(sample_fraction=1.0),
        TwoStageOptions(num_rounds=0),
        TwoStageOptions(num_initial=1, num_candidates=1, num_rounds=2),
        TwoStageOptions(half_rows=1e4),
    ],
    ids=["half", "all-rows", "no-rounds", "one-candidate", "flat"],
)
def test_options(options):
    model, at = make_model(40, num_centers=20), rand(100, 3, seed=3)
    first = fit_rbf_ensemble(model, options=options).posterior(at)
    assert (first.variance >= 0).all()
    error = (first.mean - smooth(at)).square().mean(0).sqrt()
    assert (error < smooth(at).std(0)).all()
    default = fit_rbf_ensemble(model).posterior(at)
    assert not torch.equal(first.mean, default.mean)


@pytest.mark.parametrize(
    ("num_rows", "num_centers", "expected"),
    [
        (12, 40, (12, 12)),
        (150, 40, (150, 40)),
        (300, 40, (150, 40)),
        (800, 80, (400, 50)),
        (100_000, 80, (600, 75)),
        (100_000, 30, (600, 30)),
    ],
)
def test_settings_are_scored_on_more_rows_and_centers_where_there_are_more(
    num_rows: int, num_centers: int, expected: tuple[int, int]
) -> None:
    assert SearchSettings().score_size(num_rows, num_centers) == expected


def test_the_search_goes_by_as_many_rows_and_centers_as_it_is_told(monkeypatch):
    scored, score = [], fit_search.score_settings

    def score_settings(coupling, X, blocks, settings, centers):
        scored.append((blocks.index.shape[-1], centers))
        return score(coupling, X, blocks, settings, centers)

    monkeypatch.setattr(fit_search, "score_settings", score_settings)
    rows = {"min_rows": 30, "max_rows": 45, "max_center_rows": 20, "max_honest_rows": 25}
    search = SearchSettings(**rows, min_centers=5, rows_per_center=5)
    options = TwoStageOptions(sample_fraction=1.0, num_rounds=1, search=search)
    fitted = fit_rbf_ensemble(make_model(80, num_centers=40), options=options).fitted
    assert len(scored) == 2
    for num_rows, centers in scored:
        assert num_rows == 40
        assert centers.shape[-2] == 8
        assert len(centers.flatten(0, 1).unique(dim=0)) <= 20
    # All rows that centers are chosen among, the same for all members.
    assert len(fitted.members.network.centers.flatten(0, 2).unique(dim=0)) == 20
    assert len(fitted.left_out_rows) == 25


def test_many_rows_are_made_use_of() -> None:
    problem = ShiftedTasks("Hartmann", noise_std=0.02)
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(4_500, problem.dim, generator=generator, dtype=torch.double)
    Y, test_X = problem(X), X[4_000:]
    test_Y = problem.evaluate_true(test_X)
    errors = torch.zeros(2, 3, dtype=torch.double)
    for row, n in enumerate((300, 4_000)):
        for seed in range(3):
            model = fit_rbf_ensemble(MultiRBFCorrelationModel(X[:n], Y[:n], seed=seed))
            error = (model.posterior(test_X).mean - test_Y) / test_Y.std(0)
            errors[row, seed] = error.square().mean().sqrt()
    few, many = errors.mean(-1)
    assert many < 0.85 * few
