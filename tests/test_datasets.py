"""FactorDataset: checks, splits, files, symmetries."""

import hashlib

import numpy as np
import pytest
import torch

from auxvae_lite import files
from auxvae_lite.cautions import AuxVAEWarning
from auxvae_lite.datasets import FactorDataset, shear_symmetry
from auxvae_lite.simulators import galaxies


@pytest.fixture
def data():
    return FactorDataset(*galaxies.simulate(50, seed=0))


def make(n=6, K=2, **changes):
    rng = np.random.default_rng(0)
    arguments = {"images": rng.random((n, 1, 28, 28)), "factors": rng.random((n, K)), "names": ["size", "angle"][:K]}
    return FactorDataset(**arguments | changes)


def with_value(shape, index, value):
    array = np.random.default_rng(0).random(shape)
    array[index] = value
    return array


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": with_value((6, 1, 28, 28), (4, 0, 3, 3), np.nan)}, "images must be finite: 1 .* row 4"),
        ({"factors": with_value((6, 2), (5, 1), np.inf)}, "factors must be finite: 1 .* row 5, column 'angle'"),
        ({"images": np.ones((6, 28, 28))}, "Is the channel missing"),
        ({"factors": np.ones((5, 2))}, "a row per image"),
        ({"factors": np.ones(6)}, "a row per image"),
        ({"names": ["size"]}, "names must have one entry per column of factors, 2; got 1"),
        ({"names": ["size", "size"]}, "names must differ"),
        ({"units": ["arcsec"]}, "units must have one entry"),
        ({"clean": np.ones((6, 1, 4, 4))}, "clean must have the images' shape"),
        ({"clean": with_value((6, 1, 28, 28), (2, 0, 3, 3), np.inf)}, "clean must be finite: 1 .* row 2"),
    ],
)
def test_bad_input_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_names_are_looked_up_in_any_order_and_unknown_ones_refused(data):
    np.testing.assert_array_equal(data.columns(["psf", "flux"]), data.factors[:, [4, 0]])
    assert data.columns([]).shape == (50, 0)
    with pytest.raises(ValueError, match="no factor 'mass'; the data have flux, radius, g1, g2, psf"):
        data.columns(["mass"])


def test_the_books_split_has_the_books_sizes_and_never_changes():
    factors = np.arange(16384.0)[:, None]
    parts = FactorDataset(np.zeros((16384, 1, 1, 1)), factors).split(seed=0)
    assert [len(part) for part in parts] == [11468, 3278, 1638]
    rows = np.concatenate([part.factors[:, 0] for part in parts]).astype(np.int32)
    assert sorted(rows) == list(range(16384))
    digest = hashlib.sha256(rows.astype("<i4").tobytes()).hexdigest()
    assert digest[:16] == "400aeafd0970a335"


def test_clean_images_and_factors_stay_with_their_row(data):
    train, _, _ = data.split(seed=1)
    row = int(np.flatnonzero((data.factors == train.factors[3]).all(1))[0])
    np.testing.assert_array_equal(train.images[3], data.images[row])
    np.testing.assert_array_equal(train.clean[3], data.clean[row])


def test_an_empty_part_is_refused():
    with pytest.raises(ValueError, match="the test part is empty: 6 rows"):
        make().split(seed=0)
    with pytest.raises(ValueError, match="the validation part is empty"):
        make().split(seed=0, train=0.5, test=0.5)


def test_file_round_trip(data, tmp_path):
    data.save(tmp_path / "d.safetensors")
    read = FactorDataset.load(tmp_path / "d.safetensors")
    for name in ("images", "factors", "clean"):
        np.testing.assert_array_equal(getattr(read, name), getattr(data, name))
    assert (read.names, read.units, read.provenance) == (data.names, data.units, data.provenance)
    assert repr(read) == repr(data)


def test_a_file_of_something_else_is_refused(tmp_path):
    from auxvae_lite import files

    files.write(tmp_path / "m.safetensors", {"a": np.ones(1)}, {"model": "AuxVAE"})
    with pytest.raises(ValueError, match="holds no FactorDataset"):
        FactorDataset.load(tmp_path / "m.safetensors")


def test_shear_symmetry_maps_galaxies_to_galaxies():
    factors = torch.tensor(galaxies.sample(4, seed=0))
    clean = galaxies.render(factors, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(40):
        x, u = shear_symmetry(clean, factors, galaxies.NAMES, generator)
        torch.testing.assert_close(x, galaxies.render(u, dtype=torch.float64), rtol=0, atol=1e-6 * float(x.max()))
        seen.add(tuple(torch.sign(u[0] * factors[0]).tolist()))
    assert seen == {(1, 1, a, b, 1) for a in (1, -1) for b in (1, -1)}


def test_unknown_fields_of_a_data_file_are_told(tmp_path):
    path = tmp_path / "data.safetensors"
    data = FactorDataset(np.zeros((3, 1, 16, 16)), [[1.0], [2.0], [3.0]])
    data.save(path)
    tensors, header = files.read(path)
    files.write(path, tensors, header | {"mood": 1})
    with pytest.warns(AuxVAEWarning, match=r"data\.safetensors has fields that .* does not know and ignores: mood"):
        assert FactorDataset.load(path).checksum() == data.checksum()
