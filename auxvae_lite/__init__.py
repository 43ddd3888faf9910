"""A VAE whose latents are guided by known factors: the package behind the auxvae_lite book.

Sub-modules are imported when they are first used, so `import auxvae_lite` costs little more than `import torch`.
"""

from importlib import import_module, metadata
from pathlib import Path


def _version():
    """As it was installed; of a clone that nobody installed, as the pyproject.toml beside it says."""
    try:
        return metadata.version("auxvae-lite")
    except metadata.PackageNotFoundError:
        import tomllib

    try:
        text = Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8")
        project = tomllib.loads(text)["project"]
        return project["version"] if project["name"] == "auxvae-lite" else "unknown"
    except (OSError, ValueError, KeyError):
        return "unknown"


__version__ = _version()
__all__ = [
    "arrays",
    "cautions",
    "checkpoints",
    "datasets",
    "dependence",
    "describe",
    "divergences",
    "factors",
    "files",
    "information",
    "labels",
    "metrics",
    "models",
    "older",
    "pages",
    "priors",
    "regularizers",
    "scalings",
    "sensitivity",
    "simulators",
    "study",
    "training",
    "viz",
]


def __getattr__(name):
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"auxvae_lite has no module {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return [*__all__, "__version__"]
