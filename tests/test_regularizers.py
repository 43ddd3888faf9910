"""Penalties: against slow forms, by hand, on controls, at their blind spots; never NaN."""

import itertools
import math

import numpy as np
import pytest
import torch

from auxvae_lite.regularizers import READINGS, explicitness, inter, intra, pearson, penalties


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def batch():
    u = normal(128, 5)
    return 0.7 * u + 0.5 * normal(128, 5, seed=1), normal(128, 5, seed=2) + 0.2 * u**2, u


def rho(a, b):
    return np.corrcoef(a, b)[0, 1]


def multiple(z, u, degree):
    """R by least squares, for the reading `multiple`."""
    design = np.stack([u**a for a in range(degree + 1)], axis=1)
    residual = z - design @ np.linalg.lstsq(design, z, rcond=None)[0]
    return math.sqrt(1 - residual.var() / z.var())


def slow(z, u, degree, reading):
    """Dependence of one latent on one factor, from the definition."""
    if reading == "multiple":
        return multiple(z, u, degree)
    return sum(abs(rho(z**a, u**b)) for a in range(1, degree + 1) for b in range(1, degree + 1))


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("degree", [1, 2, 3])
def test_penalties_equal_the_slow_forms(batch, degree, reading):
    z, free, u = batch
    zs, frees, us = (a.numpy().T for a in batch)
    own = sum(
        1 - multiple(zs[j], us[j], degree)
        if reading == "multiple"
        else sum(1 - rho(zs[j] ** a, us[j] ** a) for a in range(1, degree + 1))
        for j in range(5)
    )
    others = sum(slow(zs[j], us[k], degree, reading) for j, k in itertools.permutations(range(5), 2))
    free_all = sum(slow(a, b, degree, reading) for a in frees for b in us) / 5
    products = sum(abs(rho(a, us[i] * us[k])) for a in frees for i, k in itertools.combinations(range(5), 2)) / 5
    pairs = [
        (explicitness(z, u, degree, reading), own),
        (intra(z, u, degree, reading), others),
        (inter(free, u, degree, reading, products=False), free_all),
        (inter(free, u, degree, reading), free_all + products),
    ]
    worst = max(abs(float(ours) - reference) for ours, reference in pairs)
    print(f"{reading}, degree {degree}: worst difference {worst:.1e}")
    assert worst <= 1e-6


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("factors", [0, 1, 2, 5])
@pytest.mark.parametrize("free", [0, 1, 5])
@pytest.mark.parametrize("degree", [1, 3])
def test_all_at_once_are_the_three_and_have_their_gradient(reading, factors, free, degree):
    u = normal(64, factors)
    z = (0.3 * normal(64, factors + free, seed=1) + torch.cat([u**2, normal(64, free)], dim=1)).requires_grad_()
    aux, recon = z[:, :factors], z[:, factors:]
    own = {"reading": reading}
    three = explicitness(aux, u, **own), intra(aux, u, **own), inter(recon, u, degree, reading)
    for ours, single in zip(penalties(z, u, degree, reading), three, strict=True):
        assert torch.allclose(ours, single, rtol=1e-12, atol=1e-12)
        if single.requires_grad:
            slopes = [torch.autograd.grad(value, z, retain_graph=True)[0] for value in (ours, single)]
            assert torch.allclose(*slopes, rtol=1e-10, atol=1e-12)


def test_all_at_once_refuse_what_the_three_refuse():
    with pytest.raises(ValueError, match="latents and factors need one shape"):
        penalties(normal(8, 2), normal(8, 3))
    with pytest.raises(ValueError, match="latents and factors need one shape"):
        penalties(normal(8, 4), normal(7, 3))
    with pytest.raises(ValueError, match="degree must be at least 1"):
        penalties(normal(8, 4), normal(8, 3), degree=0)
    with pytest.raises(ValueError, match="unknown reading"):
        penalties(normal(8, 4), normal(8, 3), reading="mine")


def test_perfect_reversed_and_swapped_codes():
    u = normal(4000, 2)
    for reading in READINGS:
        assert explicitness(u, u, reading=reading) == pytest.approx(0, abs=1e-9)
        assert intra(u, u, reading=reading) < 0.1
        assert intra(u.flip(1), u, reading=reading) == pytest.approx(2, abs=1e-9)
    assert explicitness(-u, u) == pytest.approx(4)
    assert explicitness(-u, u, reading="multiple") == pytest.approx(0, abs=1e-9)  # this reading is blind to sign


@pytest.mark.parametrize("reading", READINGS)
def test_degree_one_does_not_see_a_square_and_degree_two_does(reading):
    u = 2 * torch.rand(4000, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) - 1
    assert inter(u**2, u, degree=1, reading=reading) < 0.05
    assert inter(u**2, u, degree=2, reading=reading) > 0.99


def test_pairwise_products_are_seen_only_when_asked():
    u = normal(4000, 2)
    z = u[:, :1] * u[:, 1:]
    assert inter(z, u, degree=1, products=False) < 0.1
    assert inter(z, u, degree=1) > 0.99


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reading", READINGS)
def test_constant_columns_correlate_with_nothing_and_stay_finite(reading, dtype):
    u, z = normal(64, 3).to(dtype), normal(64, 3, seed=1).to(dtype)
    u[:, 1] = 0.1
    z[:, 2] = 3.7
    z.requires_grad_()
    for penalty in (explicitness(z, u, 3, reading), intra(z, u, 3, reading), inter(z, u, 3, reading)):
        (gradient,) = torch.autograd.grad(penalty, z)
        assert torch.isfinite(penalty) and torch.isfinite(gradient).all()
        assert (gradient[:, 2] == 0).all()
    assert (pearson(z, u)[2] == 0).all() and (pearson(z, u)[:, 1] == 0).all()
    z = z.detach()
    assert float(explicitness(z, u)) == pytest.approx(float(explicitness(z[:, :1], u[:, :1])) + 2, abs=1e-5)


@pytest.mark.parametrize("scale", [1e-4, 1e-2, 1e4])
def test_small_and_large_spreads_are_exact(scale):
    z, u = normal(128, 2), normal(128, 2, seed=1)
    expected = np.corrcoef(z.T, u.T)[:2, 2:]
    np.testing.assert_allclose(pearson(scale * z + 1, u), expected, atol=1e-9)


def test_two_rows_one_row_and_no_free_latents_are_finite():
    for rows in (1, 2):
        z = normal(rows, 2).requires_grad_()
        value = explicitness(z, normal(rows, 2, seed=1)) + inter(z, normal(rows, 2, seed=1))
        (gradient,) = torch.autograd.grad(value, z)
        assert torch.isfinite(value) and torch.isfinite(gradient).all()
    assert inter(normal(8, 0), normal(8, 2)) == 0
    assert inter(normal(8, 2), normal(8, 0)) == 0


@pytest.mark.parametrize("rows", [2, 5, 64])
def test_null_value_depends_on_the_batch_as_theory_says(rows):
    expected = math.exp(math.lgamma((rows - 1) / 2) - math.lgamma(rows / 2)) / math.sqrt(math.pi)
    z, u = normal(rows, 3000), normal(rows, 1, seed=1)
    seen = pearson(z, u).abs()
    assert float(seen.mean()) == pytest.approx(expected, abs=4 * float(seen.std()) / math.sqrt(3000) + 1e-9)


@pytest.mark.parametrize("reading", READINGS)
def test_gradients_match_finite_differences(reading):
    u = normal(12, 2)
    for penalty in (explicitness, intra, inter):
        assert torch.autograd.gradcheck(lambda z: penalty(z, u, 2, reading), normal(12, 2, seed=1).requires_grad_())  # noqa: B023


def test_bad_input_is_named(batch):
    z, _, u = batch
    with pytest.raises(ValueError, match="one shape"):
        intra(z[:, :3], u)
    with pytest.raises(ValueError, match="one row per image"):
        inter(z[:5], u)
    with pytest.raises(ValueError, match="one row per image, got 128 and 5 rows"):
        pearson(z, u[:5])
    with pytest.raises(ValueError, match="degree must be at least 1"):
        inter(z, u, degree=0)
    with pytest.raises(ValueError, match="choose one of powers, multiple"):
        inter(z, u, reading="mine")
