"""Imports inside the package run one way."""

import ast
from pathlib import Path

import pytest

import auxvae_lite

PACKAGE = Path(auxvae_lite.__file__).parent
LEAF = set()
TRAINING = {
    "models",
    "priors",
    "divergences",
    "regularizers",
    "datasets",
    "metrics",
    "scalings",
    "files",
    "checkpoints",
}
ARROWS = {  # module: the siblings that it may import
    "simulators": LEAF,
    "priors": LEAF,
    "divergences": LEAF,
    "regularizers": LEAF,
    "metrics": LEAF,
    "scalings": LEAF,
    "files": LEAF,
    "results": {"files"},
    "ledger": {"results", "sensitivity"},
    "sweep": {"files"},
    "teaching": LEAF,
    "official": {"simulators"},
    "datasets": {"simulators", "scalings", "files"},
    "models": {"priors", "scalings", "files"},
    "checkpoints": {"files"},
    "pretrained": {"models", "baselines", "files"},
    "explorer": {"models", "scalings", "files", "pretrained", "simulators"},
    "sensitivity": {"metrics"},
    "training": TRAINING,
    "authors": TRAINING | {"training"},
    "baselines": TRAINING | {"training"},
    "benchmarks": {"simulators", "datasets", "metrics", "sensitivity"},
    "evidence": TRAINING
    | {"benchmarks", "simulators", "training", "authors", "baselines", "metrics", "sensitivity", "sweep"},
    "viz": TRAINING | {"training"},  # and nothing imports viz
}


def imports(path, package):
    """The siblings that one file imports, at its head or inside a function; `__init__` of the package counts, too."""
    inside = path.relative_to(package).parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = ["auxvae_lite", *inside[:-1]]
            base = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            targets = [f"{module}.{alias.name}" for alias in node.names] if module == "auxvae_lite" else [module]
        else:
            continue
        yield from (target.split(".")[1] for target in targets if target.startswith("auxvae_lite."))


def violations(package):
    """Each import against the arrows, as a sentence."""
    for path in sorted(package.rglob("*.py")):
        module = path.relative_to(package).parts[0].removesuffix(".py")
        if module == "__init__":  # imports sub-modules by name, when they are first used
            continue
        if module not in ARROWS:
            yield f"{module} is not in ARROWS: add it with the siblings that it may import"
            continue
        for target in sorted(set(imports(path, package)) - {module} - ARROWS[module]):
            allowed = ", ".join(sorted(ARROWS[module])) or "no sibling"
            yield f"{path.relative_to(package)} imports {target}; it may import {allowed}"


def test_imports_run_one_way():
    assert not list(violations(PACKAGE))


@pytest.mark.parametrize(
    ("name", "line", "complaint"),
    [
        ("priors.py", "from . import models", "priors.py imports models; it may import no sibling"),
        ("models.py", "def f():\n    from .training import fit", "models.py imports training"),
        ("training.py", "import auxvae_lite.viz", "training.py imports viz"),
        ("metrics.py", "from auxvae_lite import datasets", "metrics.py imports datasets"),
        ("simulators/galaxies.py", "from ..scalings import Scaling", "simulators/galaxies.py imports scalings"),
        ("simulators/galaxies.py", "from .. import files", "simulators/galaxies.py imports files"),
        ("losses.py", "import os", "losses is not in ARROWS"),
    ],
)
def test_a_forbidden_import_is_caught(tmp_path, name, line, complaint):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(line)
    assert [found for found in violations(tmp_path) if found.startswith(complaint)]


def test_an_allowed_import_passes(tmp_path):
    (tmp_path / "models.py").write_text("import torch\nfrom . import files, priors\nfrom .scalings import Scaling")
    (tmp_path / "simulators").mkdir()
    (tmp_path / "simulators/__init__.py").write_text("from . import galaxies\nfrom .galaxies import render")
    assert not list(violations(tmp_path))
