"""Stage 1a: settings of the hidden layer, scored by leave-one-out and drawn for every member."""

import torch
from torch import Tensor

from botorch_cll.couplings import Coupling, NormalEquations
from botorch_cll.data import TaskBlocks, TaskData
from botorch_cll.data.bags import choose_rows
from botorch_cll.data.blocks import MAX_ELEMENTS
from botorch_cll.ensemble import Architecture
from botorch_cll.fit.hidden_settings import HiddenSettings, draw_settings, move_settings
from botorch_cll.fit.options import TwoStageOptions
from botorch_cll.nn import gaussian_rbf, kmeans_centers, polynomial_tail
from botorch_cll.nn.rbf import included_columns, seen_dimensions


def search_settings(
    data: TaskData,
    architecture: Architecture,
    bags: Tensor,
    options: TwoStageOptions,
    known: HiddenSettings | None,
    generator: torch.Generator,
) -> HiddenSettings:
    """Draw for every member and task a setting that is good in its own rows: a `S x T`-dim batch.

    Settings are scored by leave-one-out over all members' rows at once: random ones, those known to
    be good for other data, if any, and then ones near those that were good.
    """
    search, coupling = options.search, architecture.coupling
    num_rows, num_centers = search.score_size(len(data.X), architecture.num_centers)
    blocks = coupling.rows_to_score(data, num_rows, generator)
    near = data.X[choose_rows(data.observed, search.max_center_rows, generator)]
    unit = data.variance.unsqueeze(-1)

    def score(settings: HiddenSettings) -> Tensor:
        everywhere = near.new_ones(len(settings), len(near))
        centers = kmeans_centers(near, everywhere, num_centers, generator, num_iterations=0)
        return score_settings(coupling, data.X, blocks, settings, centers) / unit

    def evidence(sums: Tensor, count: Tensor) -> Tensor:
        mean = sums / count.clamp_min(1.0).unsqueeze(-2)
        return coupling.log_evidence(mean, count, options.half_rows, search)

    num_new, num_rounds = options.num_initial, options.num_rounds
    if known is not None:
        num_new = max(1, int(search.new_share * num_new))
        num_rounds = min(search.known_rounds, num_rounds)
    pool = draw_settings(num_new, coupling.num_ridges, search, generator, data.X)
    if known is not None:
        order = torch.randperm(len(known), generator=generator).to(data.X.device)
        pool = known[order[: int(search.known_share * options.num_initial)]].join(pool)
    errors, rows = score(pool), blocks.per_task()
    scored = rows.weight > 0
    num_columns = coupling.num_hidden_layers(data.num_tasks)
    pool = pool.pick(torch.arange(len(pool)).unsqueeze(-1).expand(-1, num_columns))
    for _ in range(num_rounds):
        good = evidence(errors.sum(-1), scored.sum(-1).to(errors))
        if num_columns == 1:
            # Every new setting descends from one that is good for some task, whichever it is.
            good = good.log_softmax(-2).logsumexp(-1, keepdim=True)
        parents = sample_index(good, options.num_candidates, generator)
        new = move_settings(pool.pick(parents), search, generator)
        errors = torch.cat([errors, score(new)])
        pool = pool.join(new)
    own = (bags.gather(-1, rows.index.expand(len(bags), -1, -1)) & scored).to(errors)
    good = evidence(torch.einsum("ctb,stb->sct", errors, own), own.sum(-1))
    return pool.pick(sample_index(good, len(bags), generator))


def score_settings(
    coupling: Coupling,
    X: Tensor,
    blocks: TaskBlocks,
    settings: HiddenSettings,
    centers: Tensor,
    max_elements: int = MAX_ELEMENTS,
) -> Tensor:
    """Squared leave-one-out errors of networks with given settings, fitted to all rows of a block.

    Of `C x G`- or `C x 1`-dim settings and `C x K x d`-dim centers come `C x T x b`-dim errors.
    """
    x = X[blocks.index]
    tail = polynomial_tail(x)
    num_centers, num_tail = centers.shape[-2], tail.shape[-1]
    at_a_time = max(1, max_elements // (x.shape[0] * x.shape[1] * (num_centers + num_tail)))
    errors = []
    for chosen in torch.arange(len(settings)).split(at_a_time):
        some = settings[chosen]
        sees = seen_dimensions(some.log_length_scale, some.additive, num_centers)
        radial = gaussian_rbf(x, centers[chosen].unsqueeze(1), some.log_length_scale.exp(), sees)
        phi = torch.cat([radial, tail.expand(*radial.shape[:-1], -1)], dim=-1)
        weighted = (phi * blocks.weight.unsqueeze(-1)).transpose(-1, -2)
        ridge = some.log_ridge.exp().expand(*phi.shape[:2], -1)
        included = included_columns(some.tail, num_centers, X.shape[-1])
        included = included.expand(*phi.shape[:2], -1)
        gram, moment = weighted @ phi, weighted @ blocks.Y
        solution = coupling.solve(NormalEquations(gram, moment, ridge, included, num_tail))
        left_out = solution.leave_one_out(phi, blocks.weight, blocks.Y)
        squared = (blocks.Y - left_out).square() * blocks.weight.unsqueeze(-1)
        errors.append(squared.movedim(-1, -2).flatten(1, 2))
    return torch.cat(errors)


def sample_index(log_weight: Tensor, num: int, generator: torch.Generator) -> Tensor:
    """Draw `num x T` indices with probabilities `exp(log_weight)`, by the Gumbel trick.

    Weights, not normalized, are `C x T`-dim, or `num x C x T`-dim to have some for each draw. The
    tasks share their random numbers: tasks of equal weights get equal indices.
    """
    uniform = torch.rand(num, log_weight.shape[-2], 1, generator=generator, dtype=torch.double)
    gumbel = -(-uniform.clamp_min(1e-300).log()).clamp_min(1e-300).log()
    return (log_weight + gumbel.to(log_weight)).argmax(dim=-2)
