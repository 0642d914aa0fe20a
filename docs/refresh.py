"""Print the tables and draw the pictures of the documentation anew: `make results`.

Tables and the reports of studies come from the rows in `docs/results`, the pictures of
`howto/plots.md` from the code printed there.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
COMMAND = [sys.executable, "-m", "benchmarks"]


def main() -> None:
    """Write tables and reports to `results` and pictures to `images`."""
    os.chdir(DOCS.parent)
    bench = [*COMMAND, "bench", "--from", str(DOCS / "results" / "bench.csv")]
    with (DOCS / "results" / "bench.txt").open("w") as table:
        subprocess.run(bench, check=True, stdout=table, env={**os.environ, "COLUMNS": "116"})
    for study in sorted((DOCS / "results").glob("*/study.json")):
        report = [*COMMAND, "report", str(study.parent)]
        subprocess.run(report, check=True, stdout=subprocess.DEVNULL)
    page = (DOCS / "howto" / "plots.md").read_text()
    os.chdir(DOCS / "images")
    namespace: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(compile(block, "plots.md", "exec"), namespace)


if __name__ == "__main__":
    main()
