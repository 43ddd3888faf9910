"""The mutations fit the package as it is: each changes code, and no public formula is left out."""

import inspect
from importlib import import_module
from pathlib import Path

import mutations
import pytest

HERE = Path(__file__).parent
ALL = list(mutations.mutations())
FORMULAS = [
    "simulators.cars",
    "simulators.galaxies",
    "scalings",
    "priors",
    "divergences",
    "regularizers",
    "dependence",
    "metrics",
    "information",
    "sensitivity",
    "simulators.official",
    "study.sets",
    "study.ledger",
]


def compiled(text):
    return compile(text, "module", "exec", optimize=2)  # without docstrings


@pytest.mark.parametrize("mutation", ALL, ids=lambda mutation: f"{mutation.formula}-{mutation.old!r}")
def test_each_changes_the_code_of_its_module_in_one_place(mutation):
    text = (mutations.PACKAGE / mutation.module).read_text(encoding="utf-8")
    assert compiled(mutations.changed(text, mutation)) != compiled(text)


def test_a_text_that_is_gone_is_named():
    with pytest.raises(ValueError, match="priors.py holds 'no such text' 0 times"):
        mutations.changed("", mutations.Mutation("priors.py", "targeted_prior", "no such text", "", "test_priors.py"))


@pytest.mark.parametrize("test", sorted({mutation.test for mutation in ALL}))
def test_what_should_go_red_exists(test):
    file, _, name = test.partition("::")
    assert not name or f"def {name.partition('[')[0]}(" in (HERE / file).read_text(encoding="utf-8")


def public(module):
    """Names of the functions that a module offers, and of its classes' own methods."""
    for name in module.__all__:
        offered = inspect.unwrap(getattr(module, name))
        if inspect.isfunction(offered):
            yield name
        elif inspect.isclass(offered):
            own = vars(offered).items()
            yield from (f"{name}.{part}" for part, value in own if part[0] != "_" and inspect.isroutine(value))


@pytest.mark.parametrize("name", FORMULAS)
def test_every_public_function_of_the_formula_modules_is_mutated(name):
    module = import_module(f"auxvae_lite.{name}")
    path = f"{name.replace('.', '/')}.py"
    mutated = {mutation.formula for mutation in ALL if mutation.module == path}
    assert mutated == set(public(module))
