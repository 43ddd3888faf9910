"""The order of the tests, from cheap to dear, which of them one process has to run, and what several of them need."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import build_book
import kernels
import pytest
import set_repository
from filelock import FileLock
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[1]
CHEAP = ["test_arrows", "test_tree", "units and doctests"]
# The longest of each kind comes first, so that no process has long to wait for the other at the end.
DEAR = [
    "test_notebooks",
    "test_official",
    "test_sets",
    "test_sweep",
    "06_training",  # nbval's cells, of the longest chapter
    "nbval",
    "test_book",
    "test_explorer",
    "test_browser",
    "test_pretrained",
    "test_papermill",
    "test_teach",
]
LONG = ["12_cars3d", "11_dsprites", "07_metrics", "01_data"]  # the chapters that take longest
# `make test-quick` leaves out what is dear, but for these, and what takes more than a second of what is cheap.
QUICK = {"test_the_committed_notebooks_pass", "test_what_is_handed_out_is_current"}
SLOW = {
    "test_a_constant_rate_goes_on_from_fewer_epochs",
    "test_a_factor_that_no_pixel_shows_leaks_into_the_code_only_if_shown",
    "test_a_model_loads_in_a_fresh_process",
    "test_a_notebook_changed_by_hand_is_not_sealed_again",
    "test_a_run_repeats_and_belongs_to_its_seed",
    "test_dci_by_boosting_is_disentanglement_libs",
    "test_dci_controls",
    "test_every_method_runs_and_says_how",
    "test_files_keep_every_byte_dtype_shape_and_header",
    "test_import_costs_at_most_300_ms_over_torch",
    "test_informativeness_is_held_out_r2",
    "test_killed_runs_resume_to_the_undisturbed_result",
    "test_mig_of_continuous_factors",
    "test_of_repeats_with_other_rounding_few_are_outside_and_no_setting_with_two_seeds",
    "test_renderer_agrees_with_galsim",
    "test_supervision_learns_the_factors_and_the_pictures",
    "test_the_address_changes_everywhere",
    "test_the_normalised_value_hardly_depends_on_n",
    "test_the_wheel_has_everything",
    "test_training_learns_the_factors_and_the_images",
}


def kind(item):
    """The item's place in CHEAP or DEAR."""
    name = item.path.stem
    if name not in DEAR and item.path.suffix == ".ipynb":
        name = "nbval"
    return name if name in CHEAP or name in DEAR else "units and doctests"


def together(nodeid):
    """Name of the tests that one process has to run: a kernel's, a browser's, or those of a file, for their fixtures.

    Chapters that run alone, each in a kernel of its own, go wherever there is time.
    """
    file = nodeid.partition("::")[0]
    stem = Path(file).stem
    if stem == "test_browser":
        return f"{file} {'phone' in nodeid}"
    if stem == "test_pretrained":
        images = re.findall(r"\[(\w+)-", nodeid)
        return f"{file} {images}"
    if stem in ("test_papermill", "test_teach") and "alone" in nodeid:
        return nodeid
    return file


class Together(LoadScopeScheduling):
    """Hands out the tests in their order. (xdist's own groups, --dist loadgroup, are lost with pytest 9.2.)"""

    def _split_scope(self, nodeid):
        return together(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Ask `together` which tests one process has to run."""
    return Together(config, log)


def pytest_collection_modifyitems(items):
    """Put the items in that order, and mark what is slow."""
    for item in items:
        name = getattr(item, "originalname", item.name)
        if name in SLOW or (kind(item) in DEAR and name not in QUICK):
            item.add_marker("slow")
    items.sort(key=lambda item: ([*CHEAP, *DEAR].index(kind(item)), not any(name in item.nodeid for name in LONG)))


@pytest.fixture(scope="session")
def html(tmp_path_factory):
    """Folder of the book's pages, built once from the committed notebooks, for all processes of the run."""
    folder = tmp_path_factory.getbasetemp()
    if folder.name.startswith("popen-"):  # one of xdist's processes: their folders lie in one
        folder = folder.parent
    done = folder / "built"
    with FileLock(folder / "building"):
        if not done.exists():
            build_book.build(folder / "book")
            done.touch()
    return folder / "book/_build/html"


@pytest.fixture
def copied_kernels(monkeypatch):
    """Start kernels as copies of one process, where copying a process is safe."""
    if sys.platform == "linux":
        monkeypatch.setattr("jupyter_client.provisioning.local_provisioner.launch_kernel", kernels.Copy)


@pytest.fixture
def tree(tmp_path):
    """A copy of every file that git has or would take, as a repository of its own."""
    copy = tmp_path / "tree"
    for name in set_repository.files(ROOT):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)
    return copy
