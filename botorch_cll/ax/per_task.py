"""One trial for each task in turn, all from one model."""

from typing import Any

from ax.core.experiment import Experiment
from ax.core.generator_run import GeneratorRun
from ax.core.objective import Objective
from ax.core.optimization_config import OptimizationConfig
from ax.exceptions.core import UserInputError

from botorch_cll.ax.surrogate_node import SurrogateNode

TASK = "task"
"""The key under which the metadata of a generator run name the task it was made for."""


def task_configs(experiment: Experiment) -> dict[str, OptimizationConfig]:
    """What it means to optimize each task alone: by metric, in the order of the objectives.

    The experiment's outcome constraints hold for each. Thresholds of the objectives have no meaning
    for one task alone.

    Raises:
        UserInputError: If the experiment has no objectives, or one that is a weighted sum.
    """
    config = experiment.optimization_config
    if config is None:
        raise UserInputError(
            "Expected an experiment with one objective per task, got none: call "
            "client.configure_optimization(objective='-loss_a, -loss_b') first."
        )
    objective = config.objective
    if objective.is_scalarized_objective:
        raise UserInputError(
            "Expected one objective per task, separated by commas, got the weighted sum "
            f"{objective.expression!r}."
        )
    return {
        name: OptimizationConfig(
            objective=Objective(
                expression=name if weight > 0 else f"-{name}",
                metric_name_to_signature={name: objective.metric_name_to_signature[name]},
            ),
            outcome_constraints=config.outcome_constraints,
        )
        for name, weight in objective.metric_weights
    }


class PerTaskNode(SurrogateNode):
    """A generation node whose candidates are for one task after the other.

    Every objective of the experiment is a task with an optimum of its own. Each candidate is the
    best one for a single task, given all observations and the candidates that are still pending,
    and counts as an observation of all tasks once it is evaluated. Asked for as many trials as
    there are tasks, the node proposes one for each from one fit of the model.

    Whose turn it is follows from the generator runs that the node has made, which are stored with
    the strategy. The task is kept in the metadata of each run, under `"task"`.

    Arguments are those of Ax's `GenerationNode`.
    """

    def gen(self, *, experiment: Experiment, **options: Any) -> GeneratorRun | None:
        """Generate candidates for the task whose turn it is, as Ax's `GenerationNode` does.

        Raises:
            UserInputError: If the experiment does not have one objective per task.
        """
        configs = task_configs(experiment)
        runs = self.generation_strategy._generator_runs
        turn = sum(run._generation_node_name == self.name for run in runs) % len(configs)
        task = list(configs)[turn]
        run = super().gen(experiment=experiment, optimization_config=configs[task], **options)
        if run is not None:
            run._gen_metadata = {**(run.gen_metadata or {}), TASK: task}
        return run
