"""Small trained models that chapters load instead of training: a few hundred kilobytes each, made by
`data_scripts/make_pretrained.py`.

Each file's header says how it was trained (configuration, seed, numbers of rows) and how it scored on galaxies that
nothing had seen; a test scores it again.
"""

from pathlib import Path

from ... import files, older
from ...models import AuxVAE
from ...study.baselines import IDVAE, Supervised

__all__ = ["load", "names"]

HERE = Path(__file__).parent
CLASSES = {model.__name__: model for model in (AuxVAE, IDVAE, Supervised)}


def names():
    """Names of the models that the package carries, sorted."""
    return sorted(path.stem for path in HERE.glob("*.safetensors"))


def load(name):
    """A trained model, in evaluation mode; `model.provenance` says how it was made and how it scored.

    Settings that came later than its file are there with their old meaning (`older.complete`).

    Arguments:
        name: One of `names()`, such as "galaxies-auxvae".

    Raises:
        ValueError: for an unknown name, or a damaged file.
    """
    if name not in names():
        raise ValueError(f"no pretrained model {name!r}; the package carries {', '.join(names())}")
    path = HERE / f"{name}.safetensors"
    _, header = files.read(path)
    model = CLASSES.get(header.get("model"), AuxVAE).load(path)
    model.provenance["config"] = older.complete(model.provenance["config"])
    return model
