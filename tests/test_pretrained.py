"""The models that the package carries score what their headers say."""

import pytest

from auxvae_lite import pretrained
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.simulators import galaxies
from auxvae_lite.training import evaluate


@pytest.mark.parametrize("name", pretrained.names())
def test_the_scores_come_out_again(name):
    model = pretrained.load(name)
    kept = model.provenance
    data = FactorDataset(*galaxies.simulate(kept["test_size"], kept["test_seed"]))
    scores, reference = evaluate(model, data)
    assert scores == pytest.approx(kept["scores"], abs=1e-4)
    assert reference.keys() == kept["reference"].keys()


def test_the_package_carries_both():
    assert {"galaxies-auxvae", "galaxies-betavae"} <= set(pretrained.names())
    assert sum(path.stat().st_size for path in pretrained.HERE.glob("*")) <= 10_000_000


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="no pretrained model 'galaxy'; the package carries galaxies-auxvae"):
        pretrained.load("galaxy")
