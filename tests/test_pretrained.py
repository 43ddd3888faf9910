"""The models that the package carries score what their headers say."""

import pytest

from auxvae_lite.datasets import FactorDataset
from auxvae_lite.pages import pretrained
from auxvae_lite.simulators import galaxies
from auxvae_lite.study import sets
from auxvae_lite.training import evaluate


def rows(kept):
    """The rows that a header's scores are of."""
    if "set" not in kept:
        return FactorDataset(*galaxies.simulate(kept["test_size"], kept["test_seed"]))
    place, seed = sets.SETS[kept["set"]], kept["config"]["seed"]
    if kept["objects"] == "new":
        data = place.new(kept["size"], seed)
    else:
        data = sets.rows(kept["set"], kept["size"], seed).test
    columns = next(iter(place.groups.values()))
    return FactorDataset(data.images, data.columns(columns), columns)


@pytest.mark.parametrize("name", pretrained.names())
def test_the_scores_come_out_again(name):
    model = pretrained.load(name)
    kept = model.provenance
    scores, reference = evaluate(model, rows(kept))
    assert scores == pytest.approx(kept["scores"], abs=1e-4)
    assert reference.keys() == kept["reference"].keys()


def test_the_package_carries_both():
    assert {"galaxies-auxvae", "galaxies-betavae"} <= set(pretrained.names())
    assert sum(path.stat().st_size for path in pretrained.HERE.glob("*")) <= 10_000_000


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="no pretrained model 'galaxy'; the package carries cars-auxvae, cars-betavae"):
        pretrained.load("galaxy")
