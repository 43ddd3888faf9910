"""The package as a whole: what it costs to import."""

import subprocess
import sys

import pytest

import auxvae_lite

SECONDS = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


@pytest.mark.parametrize("module", ["auxvae_lite", "auxvae_lite.training"])
def test_import_costs_at_most_300_ms_over_torch(module):
    command = "import torch; " + SECONDS.format(module)
    seconds = min(
        float(subprocess.run([sys.executable, "-c", command], capture_output=True, check=True).stdout) for _ in range(3)
    )
    print(f"import {module}: {seconds:.3f} s over torch")
    assert seconds <= 0.3


def test_pyplot_and_scipy_stats_wait_until_they_are_used():
    code = (
        "import sys, auxvae_lite.training, auxvae_lite.study.authors, auxvae_lite.simulators; "
        "print([name for name in ('matplotlib.pyplot', 'scipy.stats', 'sklearn', 'skimage') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_modules_are_reached_by_name_and_unknown_ones_refused():
    for name in auxvae_lite.__all__:
        assert getattr(auxvae_lite, name).__name__ == f"auxvae_lite.{name}"
    with pytest.raises(AttributeError, match="no module 'losses'; it has arrays"):
        auxvae_lite.losses  # noqa: B018
