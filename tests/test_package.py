"""The package as a whole: what it costs to import, and from where it can be imported."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import auxvae_lite

ROOT = Path(__file__).resolve().parents[1]
SECONDS = "import time; t = time.process_time(); import {}; print(time.process_time() - t)"  # however busy the machine


@pytest.mark.parametrize("module", ["auxvae_lite", "auxvae_lite.training"])
def test_import_costs_at_most_300_ms_over_torch(module):
    command = "import torch; " + SECONDS.format(module)
    for _ in range(3):  # one quick import is proof enough
        done = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
        seconds = float(done.stdout)
        print(f"import {module}: {seconds:.3f} s over torch")
        if seconds <= 0.3:
            return
    raise AssertionError(f"import {module} takes {seconds:.3f} s over torch")


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


OURS = "auxvae-lite"
UNINSTALLED = """
import importlib.metadata as metadata, sys
known = metadata.distribution
def distribution(name):
    if name == "auxvae-lite":
        raise metadata.PackageNotFoundError(name)
    return known(name)
metadata.distribution = distribution
sys.path.insert(0, sys.argv[1])
import auxvae_lite
from auxvae_lite import files
from auxvae_lite.pages import pretrained
files.write(sys.argv[2], {}, {})
assert pretrained.load("galaxies-auxvae").latent_dim == 10
print(auxvae_lite.__file__, auxvae_lite.__version__, files.read(sys.argv[2])[1]["version"])
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the package, as in a clone that nobody installed."""
    clone = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "auxvae_lite", clone / "auxvae_lite", ignore=shutil.ignore_patterns("__pycache__"))
    return clone


@pytest.mark.parametrize(
    ("beside", "version"),
    [
        (None, "unknown"),
        ("", "unknown"),
        ("no TOML", "unknown"),
        ('[project]\nname = "another"\nversion = "7"', "unknown"),
        (f'[project]\nname = "{OURS}"\nversion = "7.8"', "7.8"),
    ],
)
def test_a_clone_works_without_installation(clone, tmp_path, beside, version):
    (clone / "pyproject.toml").unlink(missing_ok=True)
    if beside is not None:
        (clone / "pyproject.toml").write_text(beside, encoding="utf-8")
    command = [sys.executable, "-I", "-W", "error", "-c", UNINSTALLED, clone, tmp_path / "file"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.split() == [str(clone / "auxvae_lite/__init__.py"), version, version], done.stderr


def test_the_version_is_pyprojects():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == OURS and project["version"] == auxvae_lite.__version__
