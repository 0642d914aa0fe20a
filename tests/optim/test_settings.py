"""The numbers that users are told are those in use."""

import pytest

from botorch_cll.optim import optimize_acqf_pso
from botorch_cll.optim.options import SearchOptions
from botorch_cll.optim.settings import PROPOSAL
from botorch_cll.optim.swarm import SwarmOptions

swarm, search = SwarmOptions(), SearchOptions()


@pytest.mark.parametrize(
    "said",
    [
        f"`num_particles` (per swarm: {PROPOSAL.min_particles_per_swarm}, but at least"
        f" {PROPOSAL.min_particles} over all swarms; twice that without gradients)",
        f"iterations: {PROPOSAL.maxiter_before_polish}, or {PROPOSAL.joint_maxiter_before_polish}"
        f" if `q > 1`, or {swarm.maxiter} without gradients",
        f"`inertia` ({swarm.inertia})",
        f"`social` ({swarm.social})",
        f"`max_velocity` ({swarm.max_velocity} of the box)",
        f"`spread` ({search.spread} of the box",
        f"`patience` ({swarm.patience})",
        f"({PROPOSAL.min_polished} swarms, or `{PROPOSAL.polished_per_point} * q`, for each",
        f"`polish_maxiter` ({search.polish_maxiter})",
    ],
)
def test_documented_defaults(said):
    assert said in " ".join(optimize_acqf_pso.__doc__.split())
