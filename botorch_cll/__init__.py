"""Multi-task RBF networks with correlation learning layers as surrogates for BoTorch and Ax.

The names that most loops need are here too, imported at first use: `import botorch_cll` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botorch_cll.fit import fit_rbf_ensemble
    from botorch_cll.models import (
        MultiRBFCorrelationModel,
        RegularizedMultiTaskRBFModel,
        SingleRBFModel,
        load_model,
        save_model,
    )
    from botorch_cll.optim import (
        best_by_task,
        optimize_acqf_any_task,
        optimize_acqf_per_task,
        optimize_acqf_pso,
        run_bay_mrbfcor,
    )

__version__ = "0.1.0"

__all__ = [
    "MultiRBFCorrelationModel",
    "RegularizedMultiTaskRBFModel",
    "SingleRBFModel",
    "__version__",
    "best_by_task",
    "fit_rbf_ensemble",
    "load_model",
    "optimize_acqf_any_task",
    "optimize_acqf_per_task",
    "optimize_acqf_pso",
    "run_bay_mrbfcor",
    "save_model",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        for package in ("fit", "models", "optim"):
            module = import_module(f"{__name__}.{package}")
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
