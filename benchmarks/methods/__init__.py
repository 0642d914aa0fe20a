"""Our methods and their peers, each defined once for studies, speed and conformance alike."""

from benchmarks.methods.run import (
    METHODS,
    NO_SURROGATE,
    REFERENCE_METHOD,
    Method,
    MethodRun,
    propose_by_gradient,
    run_method,
    without_sparse_warning,
)
from benchmarks.methods.surrogates import (
    FACTORIES,
    GPS,
    INDEPENDENT_GPS,
    INDEX_KERNEL_GP,
    KRONECKER_GP,
    MULTI_TASK_GP,
    MULTI_TASK_GPS,
    NO_LAYER,
    OURS,
    SINGLE_RBF,
    SURROGATES,
    rbf_fit,
)

__all__ = [
    "FACTORIES",
    "GPS",
    "INDEPENDENT_GPS",
    "INDEX_KERNEL_GP",
    "KRONECKER_GP",
    "METHODS",
    "MULTI_TASK_GP",
    "MULTI_TASK_GPS",
    "NO_LAYER",
    "NO_SURROGATE",
    "OURS",
    "REFERENCE_METHOD",
    "SINGLE_RBF",
    "SURROGATES",
    "Method",
    "MethodRun",
    "propose_by_gradient",
    "rbf_fit",
    "run_method",
    "without_sparse_warning",
]
