"""Imports inside the package run one way: pages -> study -> method, never back, and in no circle."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import auxvae_lite

PACKAGE = Path(auxvae_lite.__file__).parent
MAY_IMPORT = {  # what lies in a folder: what it may import; the method is what lies in the package itself
    "pages": {"pages", "study", "simulators", "method"},
    "study": {"study", "simulators", "method"},
    "simulators": {"simulators", "files", "arrays"},
    "method": {"simulators", "method"},
}
METHOD = {
    "arrays", "cautions", "checkpoints", "datasets", "dependence", "describe", "divergences", "factors",
    "files", "information", "labels", "metrics", "models", "older", "priors", "regularizers", "scalings",
    "sensitivity", "training", "viz",
}  # fmt: skip


def part(module):
    """The folder of a module, such as "study.ledger"; "method" for those of the package itself."""
    folder = module.split(".")[0]
    return folder if folder in MAY_IMPORT else "method"


def imports(path, package):
    """The package's modules that a file imports, at its head or inside a function, as "metrics" or "study.ledger"."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = ["auxvae_lite", *path.relative_to(package).parts[:-1]]
            base = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            folder = package.joinpath(*module.split(".")[1:])
            inside = {p.stem for p in folder.iterdir() if p.stem != "__init__"} if folder.is_dir() else set()
            targets = [
                f"{module}.{a.name}" if a.name in inside or module == "auxvae_lite" else module for a in node.names
            ]
        else:
            continue
        yield from (target.removeprefix("auxvae_lite.") for target in targets if target.startswith("auxvae_lite."))


def graph(package):
    """Each module with the modules that it imports."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        module = ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__")
        if module != "__init__":  # it imports sub-modules by name, when they are first used
            found[module] = set(imports(path, package)) - {module, "__version__"}
    return found


def violations(package):
    """Each import against the arrows, and each circle, as a sentence."""
    found = graph(package)
    for module, targets in found.items():
        if part(module) == "method" and module not in METHOD:
            yield f"{module} lies where the method lies: move it to study or pages, or add it to METHOD"
        may = MAY_IMPORT[part(module)]
        for target in sorted(targets):
            if not {part(target), target} & may:
                yield f"{module} imports {target}; {part(module)} may import {', '.join(sorted(may))}"
    try:
        TopologicalSorter(found).prepare()
    except CycleError as error:
        yield f"a circle: {' <- '.join(error.args[1])}"


def test_imports_run_one_way():
    assert not list(violations(PACKAGE))


def test_the_method_is_alone():
    assert {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"} == METHOD
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__"} == set(MAY_IMPORT) - {"method"}


@pytest.mark.parametrize(
    ("name", "line", "complaint"),
    [
        ("models.py", "from .study import results", "models imports study; method may import method"),
        ("models.py", "def f():\n    from .pages.teaching import check", "models imports pages.teaching"),
        ("training.py", "import auxvae_lite.study.sweep", "training imports study.sweep"),
        ("metrics.py", "from auxvae_lite import pages", "metrics imports pages"),
        ("study/ledger.py", "from ..pages import pretrained", "study.ledger imports pages.pretrained; study may"),
        ("study/results/__init__.py", "from ...pages import explorer", "study.results imports pages.explorer"),
        ("simulators/galaxies.py", "from ..scalings import Scaling", "simulators.galaxies imports scalings"),
        ("simulators/galaxies.py", "from .. import metrics", "simulators.galaxies imports metrics"),
        ("losses.py", "import os", "losses lies where the method lies"),
        ("priors.py", "from . import models", "a circle: models <- priors <- models"),
    ],
)
def test_a_forbidden_import_is_caught(tmp_path, name, line, complaint):
    for other, text in {
        "models.py": "from . import priors",
        "pages/pretrained.py": "",
        "pages/explorer.py": "",
    }.items():
        (tmp_path / other).parent.mkdir(exist_ok=True)
        (tmp_path / other).write_text(text, encoding="utf-8")
    (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / name).write_text(line, encoding="utf-8")
    assert [found for found in violations(tmp_path) if found.startswith(complaint)], list(violations(tmp_path))


def test_an_allowed_import_passes(tmp_path):
    for name, text in {
        "models.py": "import torch\nfrom . import files, priors\nfrom .scalings import Scaling",
        "simulators/__init__.py": "from . import galaxies\nfrom .galaxies import render",
        "simulators/galaxies.py": "from .. import files",
        "study/runs.py": "from .. import models\nfrom ..simulators import galaxies",
        "pages/explorer.py": "from ..study import runs\nfrom .. import models",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert not list(violations(tmp_path))
