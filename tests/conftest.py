"""The order of the tests, from cheap to dear, and what several of them need."""

import shutil
import subprocess
from pathlib import Path

import build_book
import pytest
import set_repository

ROOT = Path(__file__).resolve().parents[1]
ORDER = [
    "test_arrows",
    "units and doctests",
    "test_notebooks",
    "test_papermill",
    "test_teach",
    "nbval",
    "test_book",
    "test_browser",
    "test_explorer",
    "test_environment",
]


def pytest_collection_modifyitems(items):
    """Put the items in that order."""

    def rank(item):
        name = "nbval" if item.path.suffix == ".ipynb" else item.path.stem
        return ORDER.index(name if name in ORDER else "units and doctests")

    items.sort(key=rank)


@pytest.fixture(scope="session")
def html(tmp_path_factory):
    """Folder of the book's pages, built once from the committed notebooks."""
    return build_book.build(tmp_path_factory.mktemp("book")).parent


@pytest.fixture
def tree(tmp_path):
    """A copy of every file that git has or would take, as a repository of its own."""
    copy = tmp_path / "tree"
    for name in set_repository.files(ROOT):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)
    return copy
