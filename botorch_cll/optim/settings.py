"""The numbers behind a proposal that are no user's options, each with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ProposalSettings:
    """What a proposal goes by, from the first positions to the choice of a candidate.

    To polish is to finish by gradients what a swarm has begun. Distances are fractions of the box.

    Attributes:
        raw_per_feasible: Sobol points for each raw sample under constraints, before the polytope
            sampler, which is slower, takes over.
        burn_in: Steps that sampler takes before its first sample: BoTorch's default.
        thinning: Steps it takes for each further one: BoTorch's default.
        min_particles: Particles of all swarms to be polished: fewer swarms, of more particles each,
            see as much of the box.
        min_particles_per_swarm: The least that one of them has, however many swarms there are:
            particles learn from each other.
        particles_without_polish: How many times as many there are where swarms are not polished:
            then they have to be precise themselves.
        maxiter_before_polish: Iterations of swarms to be polished: they only have to find the right
            hill, which gradients climb at less cost.
        joint_maxiter_before_polish: The same where several points are chosen at once: in more
            dimensions the right hill is harder to find.
        min_polished: Swarms of a group, the best, that are polished: the one that is ahead need not
            be on the highest hill.
        polished_per_point: The same for each point of a candidate, where that makes more.
        num_probes: Points at which a gradient is tried: at a single one it may vanish by chance.
        retreats: How far to go back from the end of a climb toward its start: SLSQP ends with a
            small violation of nonlinear constraints, and a little way back there is none.
        constraint_probes: Points at which a mapped constraint has to agree with itself, unmapped:
            enough to meet both sides of most branches.
        outside: How far outside of the bounds an initial condition may be: rounding.
        same_point: How far apart two points are at least, in some input, if they are not to count
            as one: what is evaluated closer by tells hardly more.
        longer_apart: How many times as many iterations a search away from known points takes, whose
            swarms are not polished.
        unit_points: Sobol points from which the unit of a task is computed: enough for a standard
            deviation that only has to tell scales apart.
        rounding: Where a mean varies by less, relative to its uncertainty, that is rounding, and
            the task has no unit.
        rows_at_a_time: Rows of data predicted at once, to bound the memory.
        coincide: Candidates closer than this are evaluated once.
    """

    raw_per_feasible: int = 8
    burn_in: int = 10_000
    thinning: int = 32
    min_particles: int = 64
    min_particles_per_swarm: int = 6
    particles_without_polish: int = 2
    maxiter_before_polish: int = 4
    joint_maxiter_before_polish: int = 20
    min_polished: int = 12
    polished_per_point: int = 4
    num_probes: int = 4
    retreats: tuple[float, ...] = (0.0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
    constraint_probes: int = 4
    outside: float = 1e-6
    same_point: float = 1e-3
    longer_apart: int = 3
    unit_points: int = 64
    rounding: float = 1e-6
    rows_at_a_time: int = 10_000
    coincide: float = 1e-6


PROPOSAL = ProposalSettings()
