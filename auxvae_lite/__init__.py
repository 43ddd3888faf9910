"""A VAE whose latents are guided by known factors: the package behind the auxvae_lite book.

Sub-modules are imported when they are first used, so `import auxvae_lite` costs little more than `import torch`.
"""

from importlib import import_module, metadata

__version__ = metadata.version("auxvae-lite")
__all__ = [
    "arrays",
    "cautions",
    "checkpoints",
    "datasets",
    "divergences",
    "files",
    "metrics",
    "models",
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
