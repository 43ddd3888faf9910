"""Rows and scores of dSprites and Cars3D-lite: columns that say the same, disjoint parts, perfect and useless codes."""

import json
import math

import numpy as np
import pytest
import torch

from auxvae_lite.datasets import FactorDataset
from auxvae_lite.models import Posterior
from auxvae_lite.simulators import cars, dsprites
from auxvae_lite.study import runs, sets
from auxvae_lite.training import Config, evaluate, fit

pytestmark = pytest.mark.filterwarnings("ignore:.* rows are few for trees")  # tests draw few

SMALL = {"epochs": 1, "widths": (4, 4, 8, 8), "image_scaling": "minmax"}


def test_the_same_five_lines_train_all_three_sets():
    from auxvae_lite.simulators import galaxies

    for simulator in (galaxies, dsprites, cars):
        train, validation, test = FactorDataset(*simulator.simulate(300, seed=0)).split(seed=0)
        config = Config(epochs=2, widths=(4, 4, 8, 8))
        model, history = fit(config, train, validation)
        scores, reference = evaluate(model, test)
        assert model.factors == simulator.NAMES
        assert history[1]["loss"] < history[0]["loss"]
        assert scores.keys() >= {"ssim_global", "lds", f"corr_{simulator.NAMES[0]}"}


def test_sprites_have_every_way_to_say_it():
    data = sets.sprite_rows(400, seed=1)
    u = data.columns(dsprites.NAMES)
    assert np.array_equal(data.images, dsprites.render(u))
    assert np.array_equal(data.columns(dsprites.SHAPES) @ [0, 1, 2], u[:, 0])
    assert np.allclose(data.columns(sets.CODES), dsprites.orientation_codes(u))
    hearts = sets.sprite_rows(400, seed=1, shapes=("heart",))
    assert np.array_equal(hearts.images, data.images[u[:, 0] == 2])
    assert hearts.provenance["shapes"] == ["heart"]


def test_cars_have_every_way_to_say_it():
    data = sets.car_rows(6, seed=1)
    assert len(data) == 6 * 96
    assert np.allclose(np.cos(np.radians(data.columns(["azimuth"]))), data.columns(["azimuth_cos"]))
    assert np.allclose(np.sin(np.radians(data.columns(["azimuth"]))), data.columns(["azimuth_sin"]), atol=1e-12)
    number = data.columns(["object"])[:, 0].astype(int)
    assert np.bincount(number).tolist() == [96] * 6
    assert np.array_equal(data.columns([f"car{i}" for i in range(6)]), np.eye(6)[number])
    assert np.array_equal(data.columns(cars.PARAMETERS), cars.identities(6, seed=1)[number])
    assert not any(name.startswith("car0") for name in sets.car_rows(12, seed=0).names)


@pytest.mark.parametrize(("name", "size"), [("dsprites", 600), ("hearts", 200), ("cars", 12), ("few cars", 6)])
def test_parts_are_disjoint_and_have_the_groups_columns(name, size):
    parts = sets.rows(name, size, seed=0)
    images = [image.tobytes() for part in parts[:3] for image in part.images]
    drawn = [row.tobytes() for part in parts[:3] for row in part.factors]
    assert len(set(drawn)) == len(drawn) == len(images)
    assert len(parts.train) == pytest.approx(0.7 * len(drawn), abs=1) and len(parts.test) == int(0.2 * len(drawn))
    for columns in sets.SETS[name].groups.values():
        assert parts.test.columns(columns).shape[1] == len(columns)
    if parts.new is not None:
        body = [set(map(tuple, part.columns(cars.PARAMETERS))) for part in (parts.train, parts.new)]
        assert not body[0] & body[1]


class Oracle:
    """Knows the first group of columns of each picture, and draws the mean picture."""

    latent_dim, guided = 10, True

    def __init__(self, parts, columns):
        self.factors, self.guided_dim = columns, len(columns)
        self.mean = torch.from_numpy(parts.train.images.mean(0))
        self.known = {part.images.tobytes(): part.columns(columns) for part in parts if part is not None}

    def encode(self, images):
        u = torch.tensor(self.known[np.asarray(images).tobytes()], dtype=torch.float32)
        free = torch.randn(len(u), 10 - u.shape[1], generator=torch.Generator().manual_seed(len(u)))
        return Posterior(torch.cat([u, free], 1), torch.full((len(u), 10), -50.0))

    def decode(self, z):
        return self.mean.expand(len(z), *self.mean.shape)


@pytest.mark.parametrize(("name", "size"), [("dsprites", 6000), ("hearts", 2000), ("cars", 20), ("few cars", 6)])
def test_an_oracle_scores_like_one(name, size):
    parts, groups = sets.rows(name, size, seed=0), sets.SETS[name].groups
    about, first = next(iter(groups.items()))
    scores, reference = sets.score(Oracle(parts, first), parts, groups)
    json.dumps([scores, reference], allow_nan=False)
    for column in first:
        assert scores[f"best_{column}"] == pytest.approx(1, abs=1e-6)
        assert scores[f"linear_{column}"] == pytest.approx(1, abs=1e-6)
        assert scores[f"others_linear_{column}"] < 0.1 and scores[f"others_neighbours_{column}"] < 0.1
    assert scores[f"lds_{about}_normalised"] == pytest.approx(1, abs=0.1)
    assert scores["ssim_global"] == pytest.approx(reference["ssim_global"]["mean"], abs=0.05)
    spread = ((parts.test.images / parts.train.images.max()) ** 2).mean() * (1 - scores[f"lds_{about}"])
    assert 0 < scores["product"] < spread
    assert ("new_ssim_global" in scores) == (parts.new is not None)


def test_a_one_hot_code_cannot_reach_the_ceiling_of_independent_columns():
    """Three columns, one 1 in each row: -1/2 between any two, so that 1 / (1 + 1/2 + 1/2) is all that LDS can be."""
    parts = sets.rows("dsprites", 6000, seed=0)
    groups = {"shapes": dsprites.SHAPES}
    _, reference = sets.score(Oracle(parts, dsprites.SHAPES), parts, groups)
    assert 0.4 < reference["lds_shapes"]["ceiling"] < 0.5
    rho = np.corrcoef(parts.test.columns(dsprites.SHAPES).T)
    assert rho[~np.eye(3, dtype=bool)] == pytest.approx(-0.5, abs=0.05)


@pytest.mark.parametrize("method", ["auxvae", "idvae", "supervised"])
@pytest.mark.parametrize(("name", "size"), [("dsprites", 500), ("cars", 10)])
def test_every_method_runs_on_every_set(method, name, size):
    columns = next(iter(sets.SETS[name].groups.values()))
    config = Config(**SMALL, factors=columns, latent_dim=len(columns) if method == "supervised" else 10,
                    likelihood="bernoulli" if name == "dsprites" else "gaussian")  # fmt: skip
    found = runs.run(json.loads(json.dumps(runs.set_task(config, name, size, method))))
    json.dumps(found, allow_nan=False)
    total = 500 if name == "dsprites" else 960
    assert sum(found["n"].values()) == total and found["n"]["test"] == total // 5
    assert all(math.isfinite(value) for value in found["scores"].values())


def test_unknown_sets_and_methods_are_refused():
    for wrong in ("heart", ("circle",)):
        with pytest.raises(ValueError, match=r"shapes must be a tuple of names from \('square', 'ellipse', 'heart'\)"):
            sets.sprite_rows(10, 0, wrong)
    with pytest.raises(ValueError, match="no set 'shapes'; choose one of dsprites, hearts, cars, few cars"):
        runs.set_task(Config(), "shapes", 10)
    with pytest.raises(ValueError, match="no method 'gan'; choose one of auxvae"):
        runs.set_task(Config(), "cars", 10, "gan")
