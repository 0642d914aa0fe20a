"""Stage 1a: settings of the hidden layer, scored by leave-one-out and drawn for every member."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from botorch_cll.couplings.base import Coupling, NormalEquations
from botorch_cll.data.bags import choose_rows
from botorch_cll.data.blocks import MAX_ELEMENTS, TaskBlocks
from botorch_cll.data.task_data import TaskData
from botorch_cll.ensemble.fitted import Architecture
from botorch_cll.fit.hidden_settings import HiddenSettings, draw_settings, move_settings
from botorch_cll.fit.options import TwoStageOptions
from botorch_cll.nn import gaussian_rbf, kmeans_centers, polynomial_tail
from botorch_cll.nn.rbf import included_columns, seen_dimensions


@dataclass(frozen=True)
class SettingsTried:
    """What a search has tried.

    The `C` settings are a `C x 1`- or `C x T`-dim batch. Their squared errors in the rows scored, a
    group per task, are `C x T x b`-dim and in units of the tasks' variances.
    """

    settings: HiddenSettings
    errors: Tensor
    rows: TaskBlocks

    def draw(
        self, coupling: Coupling, bags: Tensor, options: TwoStageOptions, generator: torch.Generator
    ) -> HiddenSettings:
        """A `S x T`-dim batch: a setting for every member and task, by the errors in its own rows.

        Those are where the `S x T x n`-dim bags are true.
        """
        in_bag = bags.gather(-1, self.rows.index.expand(len(bags), -1, -1))
        share = (in_bag & (self.rows.weight > 0)).to(self.errors)
        count = share.sum(-1)
        mean = torch.einsum("ctb,stb->sct", self.errors, share) / count.clamp_min(1.0).unsqueeze(1)
        evidence = coupling.log_evidence(mean, count, options.half_rows, options.search)
        return self.settings.pick(sample_index(evidence, len(bags), generator))


def search_settings(
    data: TaskData,
    architecture: Architecture,
    options: TwoStageOptions,
    known: HiddenSettings | None,
    generator: torch.Generator,
) -> SettingsTried:
    """Score settings by leave-one-out over all members' rows at once.

    The search starts from settings known to be good for other data, if there are any.
    """
    search, coupling = options.search, architecture.coupling
    num_rows, num_centers = search.score_size(len(data.X), architecture.num_centers)
    blocks = coupling.rows_to_score(data, num_rows, generator)
    near = data.X[choose_rows(data.observed, search.max_center_rows, generator)]
    count = (blocks.per_task().weight > 0).sum(-1).to(data.X)
    unit = data.variance.unsqueeze(-1)

    def score(settings: HiddenSettings) -> Tensor:
        everywhere = near.new_ones(len(settings), len(near))
        centers = kmeans_centers(near, everywhere, num_centers, generator, num_iterations=0)
        return score_settings(coupling, data.X, blocks, settings, centers) / unit

    num_new, num_rounds = options.num_initial, options.num_rounds
    if known is not None:
        num_new = max(1, int(search.new_share * num_new))
        num_rounds = min(search.known_rounds, num_rounds)
    pool = draw_settings(num_new, coupling.num_ridges, search, generator, data.X)
    if known is not None:
        order = torch.randperm(len(known), generator=generator).to(data.X.device)
        pool = known[order[: int(search.known_share * options.num_initial)]].join(pool)
    errors = score(pool)
    num_columns = coupling.num_hidden_layers(data.num_tasks)
    pool = pool.pick(torch.arange(len(pool)).unsqueeze(-1).expand(-1, num_columns))
    for _ in range(num_rounds):
        mean = errors.sum(-1) / count.clamp_min(1.0)
        evidence = coupling.log_evidence(mean, count, options.half_rows, search)
        if num_columns == 1:
            # Every new setting descends from one that is good for some task, whichever it is.
            evidence = evidence.log_softmax(-2).logsumexp(-1, keepdim=True)
        parents = sample_index(evidence, options.num_candidates, generator)
        new = move_settings(pool.pick(parents), search, generator)
        errors = torch.cat([errors, score(new)])
        pool = pool.join(new)
    return SettingsTried(pool, errors, blocks.per_task())


def score_settings(
    coupling: Coupling,
    X: Tensor,
    blocks: TaskBlocks,
    settings: HiddenSettings,
    centers: Tensor,
    max_elements: int = MAX_ELEMENTS,
) -> Tensor:
    """Squared leave-one-out errors of networks with given settings, fitted to all rows of a block.

    A `C x G`- or `C x 1`-dim batch of settings and `C x K x d`-dim centers for `G` groups of tasks
    have `C x T x b`-dim errors, zero for padding.
    """
    x = X[blocks.index]
    tail = polynomial_tail(x)
    num_columns = centers.shape[-2] + tail.shape[-1]
    at_a_time = max(1, max_elements // (x.shape[0] * x.shape[1] * num_columns))
    errors = []
    for chosen in torch.arange(len(settings)).split(at_a_time):
        some = settings[chosen]
        sees = seen_dimensions(some.log_length_scale, some.additive, centers.shape[-2])
        radial = gaussian_rbf(x, centers[chosen].unsqueeze(1), some.log_length_scale.exp(), sees)
        phi = torch.cat([radial, tail.expand(*radial.shape[:-1], -1)], dim=-1)
        weighted = (phi * blocks.weight.unsqueeze(-1)).transpose(-1, -2)
        groups = phi.shape[:2]
        included = included_columns(some.tail, centers.shape[-2], X.shape[-1])
        equations = NormalEquations(
            gram=weighted @ phi,
            moment=weighted @ blocks.Y,
            ridge=some.log_ridge.exp().expand(*groups, -1),
            included=included.expand(*groups, -1),
            num_tail=tail.shape[-1],
        )
        solution = coupling.solve(equations)
        left_out = solution.leave_one_out(phi, blocks.weight, blocks.Y)
        squared = (blocks.Y - left_out).square() * blocks.weight.unsqueeze(-1)
        errors.append(squared.movedim(-1, -2).flatten(1, 2))
    return torch.cat(errors)


def sample_index(log_weight: Tensor, num: int, generator: torch.Generator) -> Tensor:
    """Draw indices with probabilities proportional to `exp(log_weight)`, by the Gumbel trick.

    Of `C x T`-dim weights, or `num x C x T`-dim ones for draws with weights of their own, come
    `num x T` indices. The draws of the tasks share their random numbers: tasks of equal weights get
    equal indices.
    """
    uniform = torch.rand(num, log_weight.shape[-2], 1, generator=generator, dtype=torch.double)
    gumbel = -(-uniform.clamp_min(1e-300).log()).clamp_min(1e-300).log()
    return (log_weight + gumbel.to(log_weight)).argmax(dim=-2)
