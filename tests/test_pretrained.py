"""The models that the package carries score what their headers say."""

import functools

import pytest

from auxvae_lite import metrics, older
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.pages import pretrained
from auxvae_lite.simulators import galaxies
from auxvae_lite.study import sets
from auxvae_lite.training import evaluate


def rows(kept):
    """The rows that a header's scores are of."""
    if "set" not in kept:
        return simulated(kept["test_size"], kept["test_seed"])
    data = of_set(kept["set"], kept["size"], kept["config"]["seed"], kept["objects"])
    columns = next(iter(sets.SETS[kept["set"]].groups.values()))
    return FactorDataset(data.images, data.columns(columns), columns)


@functools.lru_cache(1)  # the models of one set, which come one after the other, are scored on the same images
def simulated(size, seed):
    """Galaxies."""
    return FactorDataset(*galaxies.simulate(size, seed))


@functools.lru_cache(1)
def of_set(name, size, seed, objects):
    """Images of dSprites or cars: of new objects, or the test part."""
    return sets.SETS[name].new(size, seed) if objects == "new" else sets.rows(name, size, seed).test


REFERENCES = {}  # of the images that were scored, which do not depend on the model


@pytest.mark.parametrize("name", pretrained.names())
def test_the_scores_come_out_again(name, monkeypatch):
    model = pretrained.load(name)
    kept = model.provenance
    images = tuple(str(kept.get(entry)) for entry in ("set", "size", "objects", "test_size", "test_seed"))
    real = metrics.ssim_reference
    monkeypatch.setattr(metrics, "ssim_reference", lambda *a: REFERENCES.get(images) or real(*a))
    scores, reference = evaluate(model, rows(kept))
    assert {name: scores[name] for name in kept["scores"]} == pytest.approx(kept["scores"], abs=1e-4)
    assert kept["scores"] and reference.keys() >= kept["reference"].keys()
    REFERENCES[images] = {name: row for name, row in reference.items() if name.startswith("ssim")}


def test_settings_that_came_later_have_their_old_meaning(monkeypatch):
    config = pretrained.load("galaxies-auxvae").provenance["config"]
    monkeypatch.setitem(older.SETTINGS, "mood", "calm")
    assert pretrained.load("galaxies-auxvae").provenance["config"] == config | {"mood": "calm"}


def test_the_package_carries_both():
    assert {"galaxies-auxvae", "galaxies-betavae"} <= set(pretrained.names())
    assert sum(path.stat().st_size for path in pretrained.HERE.glob("*")) <= 10_000_000


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="no pretrained model 'galaxy'; the package carries cars-auxvae, cars-betavae"):
        pretrained.load("galaxy")
