"""The studies by name."""

from __future__ import annotations

from botorch_cll.studies.calibration import CALIBRATION
from botorch_cll.studies.fig8 import FIG8
from botorch_cll.studies.grid import Study
from botorch_cll.studies.lenet import TABLE1
from botorch_cll.studies.table2 import TABLE2
from botorch_cll.studies.transfer import TRANSFER
from botorch_cll.studies.transfer_bo import TRANSFER_BO
from botorch_cll.studies.tuning import TUNING
from botorch_cll.studies.unequal import UNEQUAL

_STUDIES = (TABLE1, TABLE2, FIG8, TRANSFER, TRANSFER_BO, TUNING, CALIBRATION, UNEQUAL)

STUDIES: dict[str, Study] = {study.name: study for study in _STUDIES}
