"""pyproject.toml, requirements.lock, environment.yml and what is installed agree, as far as shows without conda."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKED_EXTRAS = ["book", "data", "sweep", "test"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
CONDA_SPECS = [spec for spec in CONDA["dependencies"] if isinstance(spec, str)]
CONDA_PIP = next(spec["pip"] for spec in CONDA["dependencies"] if isinstance(spec, dict))
CONDA_NAMES = {"pytorch-cpu": "torch", "matplotlib-base": "matplotlib"}  # conda's name: PyPI's
PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(
        r"^([\w.-]+)==(\S+)$", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE
    )
}
NAMED = [
    *PROJECT["dependencies"],
    *(spec for extra in LOCKED_EXTRAS for spec in EXTRAS[extra]),
    *(spec for spec in CONDA_PIP if not spec.startswith("-e")),
]


def unmet(requirement, pins):
    """Why pins do not satisfy a requirement, or None."""
    pin = pins.get(canonicalize_name(requirement.name))
    if pin is None:
        return f"{requirement.name} is not in requirements.lock; run `make lock`"
    if not requirement.specifier.contains(pin, prereleases=True):
        return f"requirements.lock has {requirement.name}=={pin}, but {requirement.specifier} is asked for"
    return None


def conda_requirement(spec):
    """A conda spec as pip would write it: `python=3.11` means any 3.11."""
    name, operator, version = re.fullmatch(r"([\w-]+?)(>=|=|)([\d.]*)", spec).groups()
    bound = f"=={version}.*" if operator == "=" else f"{operator}{version}"
    return Requirement(f"{CONDA_NAMES.get(name, name)}{bound}")


@pytest.mark.parametrize("spec", NAMED)
def test_what_is_asked_for_is_locked(spec):
    assert not unmet(Requirement(spec), PINS)


@pytest.mark.parametrize(
    ("spec", "complaint"), [("numpy>=99", "but >=99 is asked for"), ("no-such-package", "is not in requirements.lock")]
)
def test_what_is_not_locked_is_seen(spec, complaint):
    assert complaint in unmet(Requirement(spec), PINS)


def test_the_lock_is_complete():
    """What locked packages need is locked, too, or pip would take any version of it."""
    # PyPI's torch for Linux brings CUDA, which the lock leaves to torch's own pins.
    needs = [Requirement(text) for name in PINS if name != "torch" for text in metadata.requires(name) or []]
    applying = [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    assert len(applying) > len(PINS) and not {problem for need in applying if (problem := unmet(need, PINS))}


@pytest.mark.parametrize("name", PINS)
def test_the_lock_is_what_is_installed(name):
    assert SpecifierSet(f"=={PINS[name]}").contains(metadata.version(name), prereleases=True)


@pytest.mark.parametrize("spec", PROJECT["dependencies"])
def test_core_dependencies_have_lower_bounds_only(spec):
    assert {bound.operator for bound in Requirement(spec).specifier} <= {">="}, "an upper bound or a pin breaks Colab"


@pytest.mark.parametrize("spec", CONDA_SPECS)
def test_conda_specs_hold_for_what_is_installed(spec):
    requirement = conda_requirement(spec)
    if requirement.name == "python":
        version = ".".join(map(str, sys.version_info[:3]))
        assert SpecifierSet(PROJECT["requires-python"]).contains(version)
        assert SpecifierSet(PROJECT["requires-python"]).contains(spec.partition("=")[2])
    else:
        assert requirement.specifier.contains(metadata.version(requirement.name))


def test_conda_brings_the_whole_core():
    """What conda does not bring, pip would put on top of conda's numpy and torch."""
    conda = {need.name: need.specifier for need in map(conda_requirement, CONDA_SPECS)}
    for need in map(Requirement, PROJECT["dependencies"]):
        assert conda.get(need.name) == need.specifier, need
    assert CONDA["channels"] == ["conda-forge", "nodefaults"]
    assert "-e .[book]" in CONDA_PIP
    assert set(CONDA_PIP) - {"-e .[book]"} <= set(EXTRAS["book"])


def test_the_version_stands_in_one_place_and_its_copies_agree():
    assert metadata.version("auxvae-lite") == PROJECT["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == PROJECT["version"]
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_wheel_has_everything(tree, tmp_path):
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, tree]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < 10_000_000
    inside = set(zipfile.ZipFile(wheel).namelist())
    package = {path.relative_to(tree).as_posix() for path in tree.glob("auxvae_lite/**/*") if path.is_file()}
    assert package and package <= inside
    assert {name.split("/")[0] for name in inside if not name.startswith("auxvae_lite-")} == {"auxvae_lite"}
