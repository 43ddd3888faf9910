"""The renderer against GalSim, against theory, and against itself."""

import itertools

import galsim
import numpy as np
import pytest
import torch
from scipy.integrate import dblquad

from auxvae_lite.simulators import galaxies

LOW, HIGH, _ = zip(*galaxies.FACTORS.values(), strict=True)
CENTRE = dict(flux=3e4, radius=0.4, g1=0.0, g2=0.0, psf=0.3)


def row(**changes):
    return list((CENTRE | changes).values())


def draw_galsim(factors):
    """GalSim at tight settings: its default accuracy in k alone leaves 3e-5 of the peak."""
    tight = galsim.GSParams(folding_threshold=1e-5, maxk_threshold=1e-7, kvalue_accuracy=1e-9, maximum_fft_size=32768)
    images = []
    for flux, radius, g1, g2, psf in factors:
        disk = galsim.Exponential(scale_radius=radius, flux=flux, gsparams=tight).shear(g1=g1, g2=g2)
        blurred = galsim.Convolve(disk, galsim.Gaussian(fwhm=psf, gsparams=tight), gsparams=tight)
        images.append(blurred.drawImage(nx=33, ny=33, scale=0.2, dtype=float).array)
    return np.array(images)


@pytest.fixture(scope="module")
def oracle():
    factors = np.vstack([galaxies.sample(500, seed=1), list(itertools.product(*zip(LOW, HIGH, strict=True)))])
    return factors, draw_galsim(factors)


@pytest.mark.parametrize(
    ("settings", "tolerance"), [({}, 2e-4), ({"period": 512, "cutoff": 3.5, "dtype": torch.float64, "chunk": 1}, 1e-6)]
)
def test_renderer_agrees_with_galsim(oracle, settings, tolerance):
    factors, expected = oracle
    images = galaxies.render(factors, **settings)[:, 0].numpy()
    worst = (np.abs(images - expected).max((1, 2)) / expected.max((1, 2))).max()
    print(f"worst error {worst:.2e} of the peak over {len(factors)} galaxies, {settings or 'default grid'}")
    assert len(factors) == 532
    assert worst <= tolerance


def moments(image):
    """Flux, and GalSim's adaptive moments: size in pixels, observed shear."""
    found = galsim.hsm.FindAdaptiveMom(galsim.Image(np.ascontiguousarray(image, dtype=float), scale=1))
    return image.sum(), found.moments_sigma, found.observed_shape.g1, found.observed_shape.g2


def measure(**changes):
    return moments(galaxies.render([row(**changes)], dtype=torch.float64)[0, 0].numpy())


def test_flux_scales_the_image_and_nothing_else():
    one, two = galaxies.render([row(flux=1e4), row(flux=2e4)], dtype=torch.float64)
    torch.testing.assert_close(two, 2 * one)


def test_radius_widens_and_spills_flux():
    def inside(radius):  # share of an unblurred disk's flux in the square stamp, integrated directly
        profile = lambda y, x: np.exp(-np.hypot(x, y) / radius) / (2 * np.pi * radius**2)  # noqa: E731
        return 4 * dblquad(profile, 0, 3.3, 0, 3.3)[0]

    assert measure(radius=1.0)[1] > 3 * measure(radius=0.1)[1]
    sharp = measure(radius=1.0, psf=0.01)  # blur moves a little flux across the edge, so there is next to none here
    assert sharp[0] / CENTRE["flux"] == pytest.approx(inside(1.0), abs=2e-4)
    assert inside(1.0) == pytest.approx(0.88, abs=0.01)


def test_shear_moves_its_own_component_and_the_psf_dilutes_it():
    for name, index in (("g1", 2), ("g2", 3)):
        sheared = measure(**{name: 0.2})
        assert 0.1 < sheared[index] < 0.2
        assert sheared[5 - index] == pytest.approx(0, abs=1e-3)
        assert measure(**{name: 0.2, "psf": 0.4})[index] < sheared[index] < measure(**{name: 0.2, "psf": 0.2})[index]


def test_psf_widens_a_small_galaxy():
    assert measure(radius=0.1, psf=0.4)[1] > 1.2 * measure(radius=0.1, psf=0.2)[1]


def test_gradients_match_finite_differences():
    factors = torch.tensor([[2.0, 0.5, 0.2, -0.3, 0.3]], dtype=torch.float64, requires_grad=True)
    render = lambda u: galaxies.render(u, period=40, dtype=torch.float64)  # noqa: E731
    assert torch.autograd.gradcheck(render, factors)


def test_sample_is_a_latin_hypercube_in_range_and_repeats():
    u = galaxies.sample(64, seed=3)
    cells = np.floor((u - LOW) / (np.array(HIGH) - LOW) * 64).astype(int)
    assert (np.sort(cells, axis=0) == np.arange(64)[:, None]).all()
    assert (u == galaxies.sample(64, seed=3)).all()
    assert (u != galaxies.sample(64, seed=4)).all()


def test_sample_fills_the_papers_ranges():
    low, high = np.array([[1e4, 0.1, -0.5, -0.5, 0.2], [1e5, 1.0, 0.5, 0.5, 0.4]])
    u = (galaxies.sample(1000, seed=0) - low) / (high - low)
    assert ((u.min(0) >= 0) & (u.min(0) < 1e-3) & (u.max(0) > 0.999) & (u.max(0) <= 1)).all()


def test_noise_is_poisson_and_belongs_to_its_image():
    clean = np.full((400, 1, 8, 8), 50.0)
    noisy = galaxies.add_noise(clean, seed=0)
    assert noisy.mean() == pytest.approx(50, abs=4 * np.sqrt(50 / noisy.size))
    assert noisy.var() == pytest.approx(50, rel=0.05)
    assert (galaxies.add_noise(clean[:7], seed=0) == noisy[:7]).all()  # image i's noise does not depend on n
    assert np.unique(noisy.reshape(400, -1), axis=0).shape[0] == 400
    assert (galaxies.add_noise(clean, seed=1) != noisy).any()
    assert (noisy[3] == np.random.default_rng((0, 3)).poisson(clean[3])).all()  # the stream that is promised


def test_constant_noise_is_the_authors_quirk():
    noisy = galaxies.add_noise(np.full((3, 1, 8, 8), 50.0), seed=0, constant=True)
    assert (noisy == noisy[0]).all()
    assert (noisy[0] == np.random.default_rng(150000).poisson(np.full((1, 8, 8), 50.0))).all()
    assert galaxies.add_noise(np.array([-0.1]), seed=0) == 0


def test_simulate_keeps_noise_clean_factors_and_provenance_together():
    made = galaxies.simulate(5, seed=2)
    assert made.images.shape == made.clean.shape == (5, 1, 33, 33)
    assert made.names == galaxies.NAMES
    assert made.provenance["seed"] == 2
    np.testing.assert_array_equal(made.factors, galaxies.sample(5, seed=2))
    np.testing.assert_array_equal(made.clean, galaxies.render(made.factors).clip(min=0))
    np.testing.assert_array_equal(made.images, galaxies.add_noise(made.clean, seed=2))


@pytest.mark.parametrize(
    "changes", [{"flux": 0.0}, {"radius": -0.1}, {"psf": 0.0}, {"g1": 0.8, "g2": 0.7}, {"g2": np.nan}, {"flux": np.inf}]
)
def test_no_galaxy_is_refused_by_row(changes):
    with pytest.raises(ValueError, match="row 1 is no galaxy"):
        galaxies.render([row(), row(**changes)])


def test_wrong_shapes_and_counts_are_refused():
    with pytest.raises(ValueError, match="flux, radius, g1, g2, psf"):
        galaxies.render([[1.0, 2.0]])
    with pytest.raises(ValueError, match="at least 1"):
        galaxies.sample(0, seed=0)
