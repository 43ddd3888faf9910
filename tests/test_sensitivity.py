"""Sensitivity: moments against analysis and GalSim, and movements, drops and readouts with known answers."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from auxvae_lite import metrics
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.factors import Kind
from auxvae_lite.sensitivity import (
    drops,
    moments,
    perturb,
    readout,
    separation,
    simulator_traversal,
    traversal,
)
from auxvae_lite.simulators import galaxies

# GalSim 2.8.5's FindAdaptiveMom (size in pixels) of noiseless galaxies in double precision
FROZEN = [
    ((3e4, 0.4, 0.3, -0.2, 0.3), (2.559194, 0.270071, -0.180061)),
    ((5e4, 0.9, -0.45, 0.4, 0.2), (4.848911, -0.402788, 0.370554)),
    ((2e4, 0.1, 0.1, 0.2, 0.4), (1.182394, 0.038831, 0.077539)),
]


def gaussians(u, centre=(0, 0)):
    """Pictures (n, 1, 33, 33) of flux, size (arcsec), g1, g2: a round Gaussian in sheared coordinates."""
    flux, size, g1, g2 = np.asarray(u, dtype=np.float64).T[:4, :, None, None]
    y, x = np.mgrid[-16:17, -16:17] - np.reshape(centre, (2, 1, 1))[::-1]
    norm = np.sqrt(1 - g1**2 - g2**2)
    a, b = ((1 - g1) * x - g2 * y) / norm, ((1 + g1) * y - g2 * x) / norm
    sigma = size / 0.2
    return (flux * np.exp(-(a**2 + b**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2))[:, None]


def draw(n=40, seed=0):
    low, high = [1e3, 0.3, -0.2, -0.2], [2e3, 0.4, 0.2, 0.2]  # no edge cuts these, no pixel is too coarse
    return np.random.default_rng(seed).uniform(low, high, (n, 4))


@pytest.fixture(scope="module")
def data():
    u = draw(200)
    clean = gaussians(u)
    return FactorDataset(np.random.default_rng(0).poisson(clean), u, ("flux", "size", "g1", "g2"), clean=clean)


class Measured:
    """A perfect model of Gaussian pictures: its latents are their moments, and its decoder ignores the fifth."""

    factors, latent_dim, kinds, guided_dim = ("flux", "size", "g1", "g2"), 5, (Kind(),) * 4, 4

    def encode(self, images):
        return SimpleNamespace(mu=torch.from_numpy(moments(images)))

    def decode(self, z):
        return torch.from_numpy(gaussians(z))


@pytest.mark.parametrize("centre", [(0, 0), (0.4, -1.3)])
def test_moments_of_gaussians_are_their_own(centre):
    u = draw()
    np.testing.assert_allclose(moments(gaussians(u, centre))[:, :4], u, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(moments(gaussians(u, centre), pixel=0.4)[:, 1], 2 * u[:, 1], rtol=1e-6)


def test_where_a_galaxy_stands_changes_no_size_and_no_shear():
    wide, narrow = (
        gaussians(draw() * [1, factor, 1, 1]) for factor in (1, 0.7)
    )  # no Gaussian: that hides a wrong centre
    pictures = wide + 2 * narrow
    moved = moments(np.roll(pictures, (2, -3), axis=(2, 3)))
    np.testing.assert_allclose(moved[:, :4], moments(pictures)[:, :4], rtol=1e-4, atol=1e-5)
    assert (moved[:, 4] < moments(pictures)[:, 4]).all()


def test_core_is_the_share_of_nine_pixels():
    picture = gaussians(draw(1))
    assert moments(picture)[0, 4] == pytest.approx(picture[0, 0, 15:18, 15:18].sum() / picture.sum())


def test_shapes_types_and_scale_change_nothing():
    pictures = gaussians(draw(3))
    expected = moments(pictures)
    np.testing.assert_allclose(moments(torch.from_numpy(pictures[:, 0])), expected)
    np.testing.assert_allclose(moments(1e-6 * pictures), expected * [1e-6, 1, 1, 1, 1])
    np.testing.assert_allclose(moments(np.repeat(pictures, 50, 0))[::50], expected, rtol=1e-12)  # more than one chunk
    assert moments(pictures[:0]).shape == (0, 5)


def test_moments_of_galaxies_are_galsims():
    galsim = pytest.importorskip("galsim")
    factors = galaxies.sample(200, seed=1)
    clean = galaxies.render(factors).numpy()
    for pictures in (clean, galaxies.add_noise(clean, seed=1)):
        theirs = []
        for picture in pictures[:, 0].astype(float):
            found = galsim.hsm.FindAdaptiveMom(galsim.Image(picture, scale=1))
            theirs.append([0.2 * found.moments_sigma, found.observed_shape.g1, found.observed_shape.g2])
        np.testing.assert_allclose(moments(pictures)[:, 1:4], theirs, atol=2e-6)


def test_moments_of_galaxies_are_frozen():
    pictures = galaxies.render([factors for factors, _ in FROZEN], dtype=torch.float64)
    np.testing.assert_allclose(moments(pictures, pixel=1)[:, 1:4], [found for _, found in FROZEN], atol=2e-6)


def test_what_cannot_be_measured_is_nan_in_its_row_alone():
    good = gaussians(draw(1))
    point, corner, line = np.zeros((3, 1, 1, 33, 33))
    point[..., 16, 16] = corner[..., 0, 0] = 1
    line[0, 0] = np.diag(np.exp(-0.02 * (np.arange(33) - 19.3) ** 2))
    needle = galaxies.render([[1e4, 0.105, -0.426, -0.198, 0.236]])  # GalSim: "Object is too small"
    rows = moments(np.concatenate([good, -good, 0 * good, point, corner, line, needle, good]))
    np.testing.assert_array_equal(np.isnan(rows), np.outer([0, 1, 1, 1, 1, 1, 1, 0], np.ones(5)))
    np.testing.assert_allclose(rows[[0, -1]], moments(good)[[0, 0]], rtol=1e-12)
    assert np.isnan(moments(good, iterations=1)).all()


@pytest.mark.parametrize("shape", [(33, 33), (4, 3, 33, 33), (4, 1, 2, 33)])
def test_what_is_no_picture_is_refused(shape):
    with pytest.raises(ValueError, match=r"\(n, H, W\) or \(n, 1, H, W\)"):
        moments(np.ones(shape))


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (np.ma.masked_less(np.arange(2 * 81.0).reshape(2, 9, 9), 1), "images must be known: row 0 is masked"),
        (np.where(np.arange(162).reshape(2, 9, 9) == 100, np.nan, 1.0), "images must be finite: 1 values .* row 1"),
        (np.ones((2, 9, 9)) * 1j, "images must be real"),
    ],
)
def test_pixels_that_are_no_numbers_are_refused(pictures, message):
    with pytest.raises(ValueError, match=message):
        moments(pictures)


def test_pictures_of_any_kind_have_the_same_moments():
    plain = gaussians(draw(3)).astype(np.float32)
    for same in (plain.astype(">f4"), plain.astype(object), torch.from_numpy(plain)):
        np.testing.assert_array_equal(moments(same), moments(plain))


def test_fourteen_thousand_galaxies_take_seconds():
    pictures = np.repeat(galaxies.simulate(500, seed=0).images, 28, axis=0)
    start = time.process_time()
    found = moments(pictures)
    seconds = time.process_time() - start
    print(f"{seconds:.2f} s")
    assert np.isfinite(found).mean() > 0.99 and seconds < 5


def test_a_perfect_model_moves_one_property_at_a_time(data):
    found = traversal(Measured(), data, rows=30, steps=5)
    assert found.names == ("flux", "size", "g1", "g2", "z5")
    assert found.failures == 0
    measured = moments(data.images)
    low, high = np.quantile(measured, [0.05, 0.95], axis=0)
    expected = np.linspace(low, high, 5).std(0) / moments(data.clean).std(0)
    np.testing.assert_allclose(
        found.matrix[:4, :4], np.diag(expected[:4]), atol=5e-5
    )  # 1e-6 of sampling, by sds of .03
    assert found.matrix[1, 4] > 0.5  # a large galaxy has a faint core
    np.testing.assert_allclose(found.matrix[4], 0, atol=1e-12)  # ignored
    assert separation(found.matrix) == pytest.approx((1, 1))


def test_movements_are_in_units_of_the_noisy_spread_where_no_truth_is_known(data):
    noisy = FactorDataset(data.images, data.factors, data.names)
    ratio = traversal(Measured(), data, rows=5).matrix[:4] / traversal(Measured(), noisy, rows=5).matrix[:4]
    expected = moments(data.images).std(0) / moments(data.clean).std(0)
    np.testing.assert_allclose(ratio.diagonal(), expected[:4], rtol=1e-5)


def test_the_variance_is_each_galaxys_own(data):
    class Flux(Measured):  # what the second latent does to the flux depends on the galaxy
        def decode(self, z):
            u = np.array(z)
            u[:, 0] *= u[:, 1]
            return torch.from_numpy(gaussians(u))

    z = moments(data.images)
    values = np.linspace(*np.quantile(z[:, 1], [0.05, 0.95]), 7)
    expected = np.sqrt(np.mean(z[:, 0] ** 2)) * values.std() / moments(data.clean)[:, 0].std()
    assert traversal(Flux(), data, rows=999).matrix[1, 0] == pytest.approx(expected, rel=1e-5)


def test_the_simulators_traversal_is_a_perfect_models(data):
    class Told(Measured):
        latent_dim = 4

        def encode(self, images):
            return SimpleNamespace(mu=torch.from_numpy(data.factors))

    ours, simulator = traversal(Told(), data, rows=20), simulator_traversal(gaussians, data, rows=20)
    np.testing.assert_array_equal(ours.matrix, simulator.matrix)
    assert ours.names == simulator.names
    assert (simulator_traversal(gaussians, data, rows=20, seed=1).matrix != simulator.matrix).any()


def test_pictures_without_moments_are_counted_and_left_out(data):
    middle = np.median(data.factors[:, 2])

    def black(u):  # where g1 is above its middle step
        return gaussians(u) * (u[:, 2] <= middle)[:, None, None, None]

    found = simulator_traversal(black, data, rows=999, steps=4)
    others = np.mean(data.factors[:, 2] > middle)
    assert found.failures == pytest.approx((3 * others + 0.5) / 4)
    low, high = np.quantile(data.factors[:, 2], [0.05, 0.95])
    seen = np.linspace(low, high, 4)[:2]
    assert found.matrix[2, 2] == pytest.approx(seen.std() / data.factors[:, 2].std(), rel=1e-5)
    nothing = simulator_traversal(lambda u: 0 * gaussians(u), data, rows=3)
    assert nothing.failures == 1 and np.isnan(nothing.matrix).all()


def test_traversals_that_mean_nothing_are_refused(data):
    with pytest.raises(ValueError, match="at least 2 steps, got 1"):
        traversal(Measured(), data, steps=1)
    with pytest.raises(ValueError, match="flux is measurable in no two different pictures"):
        simulator_traversal(gaussians, FactorDataset(np.zeros((9, 1, 33, 33)), data.factors[:9]))


def test_separation_of_known_matrices():
    mixed = np.ones((4, 5))
    assert separation(mixed) == pytest.approx((0, 0))
    assert separation(np.eye(5)) == (1, 1)
    assert separation(np.eye(5)[:, ::-1])[0] == 1  # which latent does not matter, and the core does not count
    two = np.eye(4, 5)
    two[0, 1] = np.sqrt(3)  # one latent moves flux by 1 and size by sqrt 3: squares 1 to 3
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75)) / np.log(4)
    assert separation(two) == pytest.approx((1 - entropy * 4 / 7, 1 - entropy * 4 / 7))


def test_idle_latents_count_in_completeness():
    matrix = np.eye(4, 5) + 0.3
    assert separation(matrix, latents=10) == separation(np.vstack([matrix, np.zeros((6, 5))]))
    assert separation(matrix, latents=10).completeness > separation(matrix).completeness
    assert separation(matrix, latents=10).disentanglement == separation(matrix).disentanglement
    with pytest.raises(ValueError, match="at least the matrix's 4 rows, got 3"):
        separation(matrix, latents=3)
    with pytest.raises(ValueError, match=r"\(d, 5\), got \(4, 4\)"):
        separation(matrix[:, :4])
    with pytest.raises(ValueError, match="matrix must be finite: 20 values are not"):
        separation(np.full((4, 5), np.nan))


class Linear:
    """Pictures are sums of templates; the decoder's fourth and fifth templates are black."""

    factors, latent_dim, guided_dim = ("a", "b", "c"), 5, 3

    def __init__(self):
        self.templates = np.random.default_rng(0).standard_normal((5, 144))
        self.seen = self.templates * np.array([3, 2, 1, 0, 0])[:, None]

    def encode(self, images):
        flat = np.asarray(images).reshape(len(images), -1)
        return SimpleNamespace(mu=torch.from_numpy(flat @ np.linalg.pinv(self.templates)))

    def decode(self, z):
        return torch.from_numpy((np.asarray(z) @ self.seen).reshape(-1, 1, 12, 12))


@pytest.fixture(scope="module")
def linear():
    model, rng = Linear(), np.random.default_rng(1)
    images = (rng.standard_normal((300, 5)) @ model.templates).reshape(-1, 1, 12, 12)
    return model, FactorDataset(images, rng.random((300, 3)), clean=images + 0.1)


@pytest.mark.parametrize("how", ["noise", "shuffle"])
def test_only_latents_that_are_decoded_cost_ssim(linear, how):
    assert perturb(*linear, [3, 4], how) == 0
    assert perturb(*linear, [0], how) > perturb(*linear, [2], how) > 0.01
    assert perturb(*linear, [], how) == 0


def test_noise_is_in_units_of_the_spread(linear):
    model, data = linear
    mu = model.encode(data.images).mu.numpy()
    noisy = mu.copy()
    noisy[:, 1] += 0.5 * mu[:, 1].std() * np.random.default_rng(3).standard_normal(300)
    for convention in ("ssim_image", "ssim_global", "ssim_clean"):
        before, after = (metrics.ssim_scores(data.images, model.decode(z), data.clean)[convention] for z in (mu, noisy))
        found = perturb(model, data, [1], amount=0.5, seed=3, convention=convention)
        assert found == pytest.approx(before - after, abs=1e-12) != 0
    assert perturb(model, data, [1], amount=0) == 0


def test_shuffling_keeps_a_columns_values_and_breaks_pairs(linear):
    model, data = linear
    kept = []
    spy = SimpleNamespace(encode=model.encode, decode=lambda z: (kept.append(np.array(z)), model.decode(z))[1])
    perturb(spy, data, [0, 2], "shuffle", amount=9)
    before, after = kept
    np.testing.assert_array_equal(np.sort(after, 0), np.sort(before, 0))
    np.testing.assert_array_equal((after != before).any(0), [True, False, True, False, False])
    order, other = (np.argsort(after[:, j])[np.argsort(np.argsort(before[:, j]))] for j in (0, 2))
    assert (order != other).mean() > 0.9


def test_drops_are_means_over_subsets(linear):
    found = drops(*linear, draws=10)
    assert list(found) == [
        f"drop_{group}_{how}{sd}" for group in ("aux", "recon") for how in ("noise", "shuffle") for sd in ("", "_sd")
    ]
    assert [found[name] for name in found if "recon" in name] == [0] * 4
    assert found["drop_aux_noise"] > 0.05 and found["drop_aux_noise_sd"] > 0.001
    pairs = [perturb(*linear, pair) for pair in ([0, 1], [0, 2], [1, 2])]  # all three, with other noise
    assert found["drop_aux_noise"] == pytest.approx(np.mean(pairs), abs=0.03)
    assert found["drop_aux_noise_sd"] == pytest.approx(np.std(pairs), abs=0.03)
    assert drops(*linear) == found != drops(*linear, seed=1)
    assert drops(*linear, amount=0)["drop_aux_noise"] == 0
    assert drops(*linear, rows=50) != found


def test_subsets_are_drawn_once_each(linear):
    model, data = linear
    changed = []

    def decode(z):
        z = np.array(z)
        changed.append(tuple(np.flatnonzero((z != whole).any(0))))
        return model.decode(z)

    whole = model.encode(data.images).mu.numpy()
    spy = SimpleNamespace(encode=model.encode, decode=decode, guided_dim=0, latent_dim=5)
    drops(spy, data, draws=6, groups={"all": range(5)})
    subsets, again = changed[1:7], changed[7:]
    assert subsets == again and len(set(subsets)) == 6 and {len(subset) for subset in subsets} == {2}
    changed.clear()
    drops(spy, data, size=1, draws=5, groups={"all": range(5)})
    assert changed[1:6] == [(0,), (1,), (2,), (3,), (4,)]


@pytest.mark.parametrize(("rows", "expected"), [(50, 50), (1024, 300)])
def test_drops_of_so_many_rows(linear, rows, expected):
    model, data = linear
    seen = set()
    spy = SimpleNamespace(
        encode=model.encode,
        decode=lambda z: (seen.add(len(np.unique(z, axis=0))), model.decode(z))[1],
        guided_dim=model.guided_dim,
        latent_dim=5,
    )
    drops(spy, data, rows=rows)
    assert seen == {expected}


def test_perturbations_that_cannot_be_are_refused(linear):
    with pytest.raises(ValueError, match='"noise" or "shuffle", got'):
        perturb(*linear, [0], "zero")
    with pytest.raises(ValueError, match="no latent 5; this model has 0 to 4"):
        perturb(*linear, [5])
    with pytest.raises(ValueError, match="no 'ssim' of these data; choose one of ssim_global, ssim_image"):
        perturb(*linear, [0], convention="ssim")
    with pytest.raises(ValueError, match=r"size=3 latents cannot be drawn from the 2 of 'recon': give a size"):
        drops(*linear, size=3)


def codes(n=6000, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, 3))
    u = np.column_stack([z @ [1, -2, 3] + 5, rng.standard_normal(n), z[:, 0] ** 2])
    return z, u


def test_what_each_reader_sees():
    z, u = codes()
    train, test = (z[:3000], u[:3000]), (z[3000:], u[3000:])
    assert readout(*train, *test) == pytest.approx([1, 0, 0], abs=0.02)
    line, noise, square = readout(*train, *test, "neighbours")
    assert line > 0.9 and noise < -0.05 and square > 0.8  # ten neighbours' mean of noise has a variance of its own


def test_readout_is_r2_on_test_rows():
    z, u = codes(200)
    u = u + np.random.default_rng(2).standard_normal(u.shape)
    design = np.column_stack([np.ones(200), z])
    error = u[60:] - design[60:] @ np.linalg.lstsq(design[:60], u[:60], rcond=None)[0]
    expected = 1 - (error**2).sum(0) / ((u[60:] - u[60:].mean(0)) ** 2).sum(0)
    np.testing.assert_allclose(readout(z[:60], u[:60], z[60:], u[60:]), expected)
    shifted = readout(z[:60], u[:60], z[60:], u[60:] + 100)
    assert (shifted < -100).all()


@pytest.mark.parametrize("kind", ["linear", "neighbours"])
def test_scales_and_constant_codes_do_no_harm(kind):
    z, u = codes(2000)
    train, test = slice(1000), slice(1000, None)
    plain = readout(z[train], u[train], z[test], u[test], kind)
    for changed in (z * [1e-3, 1, 1e3] + 7, *(np.column_stack([z, np.full(2000, a)]) for a in (0.1, -1.7e308))):
        found = readout(changed[train], u[train], changed[test], u[test], kind)
        np.testing.assert_allclose(found, plain, atol=1e-6)


def test_neighbours_are_ten_of_at_most_4096_rows():
    rng = np.random.default_rng(0)
    u = rng.standard_normal((20_000, 1))
    z = np.zeros((20_000, 2))
    # Constant codes: the same ten of the training rows for all, so the only error beyond the mean's is their mean's.
    flat = readout(z, u, z, u, "neighbours")
    assert -0.6 < flat[0] <= 0
    line = np.arange(20_000.0)[:, None]
    spacing = readout(line, line, line, line, "neighbours")
    # 4,096 of 20,000 rows: the mean of the nearest ten misses by about a gap's width, 1/4096 of the range
    assert 1e-8 < 1 - spacing[0] < 1e-5
    assert (readout(line, line, line, line, "neighbours", seed=1) != spacing).all()


def test_readouts_that_mean_nothing_are_refused():
    z, u = codes(50)
    with pytest.raises(ValueError, match="one of linear, neighbours; got 'mlp'"):
        readout(z, u, z, u, "mlp")
    with pytest.raises(ValueError, match="at least 10 training rows, got 9"):
        readout(z[:9], u[:9], z, u, "neighbours")
    with pytest.raises(ValueError, match="factor column 1 is constant"):
        readout(z, u, z, u * [1, 0, 1])
    with pytest.raises(ValueError, match=r"got \(50, 3\) and \(40, 3\)"):
        readout(z, u[:40], z, u)
