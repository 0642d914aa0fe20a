"""An Ax that is not the one we know is refused at import, by one error."""

import subprocess
import sys

import pytest
from ax.generators.torch.botorch_modular.acquisition import Acquisition
from ax.generators.torch.botorch_modular.surrogate import Surrogate

from botorch_cll.ax.drift import HOOKS, check_ax

REFUSED = "botorch_cll.ax supports ax-platform>=1.3.1,<1.4, found ax-platform "


def import_after(preparation: str) -> subprocess.CompletedProcess:
    code = f"{preparation}\nimport botorch_cll.ax"
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )


def test_the_installed_ax_is_supported():
    check_ax()
    assert len(HOOKS) > 20


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.delattr(Surrogate, "clone_reset")
    monkeypatch.setattr(Acquisition, "evaluate", lambda self, points: points)
    with pytest.raises(ImportError) as refused:
        check_ax()
    message = str(refused.value)
    assert message.startswith(f"{REFUSED}1.3.1: ")
    missing = "Surrogate.clone_reset is not in ax.generators.torch.botorch_modular.surrogate"
    assert missing in message
    assert "Acquisition.evaluate has no parameters ['X']" in message


@pytest.mark.parametrize("version", ["1.2.4", "1.4.0", "2.0"])
def test_other_series_are_refused(version):
    found = import_after(f"import importlib.metadata as m\nm.version = lambda name: '{version}'")
    last = found.stderr.strip().splitlines()[-1]
    assert last == f"ImportError: {REFUSED}{version}: it is not of the 1.3 series."


def test_no_ax_at_all():
    found = import_after(
        "import importlib.metadata as m\n"
        "def version(name): raise m.PackageNotFoundError(name)\n"
        "m.version = version"
    )
    assert "pip install 'botorch_cll[ax]'" in found.stderr.strip().splitlines()[-1]
