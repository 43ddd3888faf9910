"""Distance correlation and HSIC against their definitions, in loops; what outliers and shared copies hide."""

import itertools

import numpy as np
import pytest
import torch

from auxvae_lite.dependence import distance_correlation, hsic, wrap
from auxvae_lite.regularizers import inter, pearson

MEASURES = {"distance": distance_correlation, "hsic": hsic}


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def kernel(kind, x):
    """Distances, or a Gaussian kernel, of standardised rows, one pair at a time."""
    x = (x - x.mean(0)) / x.std(0)
    squares = np.array([[((a - b) ** 2).sum() for b in x] for a in x])
    return np.sqrt(squares) if kind == "distance" else np.exp(-squares / (2 * x.shape[1]))


def unbiased(a, b):
    """Song et al.'s estimate of HSIC for two matrices whose diagonal is left out, in its own three sums."""
    a, b, n = a - np.diag(np.diag(a)), b - np.diag(np.diag(b)), len(a)
    whole = a.sum() * b.sum() / ((n - 1) * (n - 2))
    return (np.trace(a @ b) + whole - 2 * (a @ b).sum() / (n - 2)) / (n * (n - 3))


@pytest.mark.parametrize("kind", MEASURES)
@pytest.mark.parametrize("joint", [True, False])
def test_both_are_their_definition(kind, joint):
    z, u = normal(12, 3), normal(12, 2, seed=1)
    z[:, 0] = u[:, 0] ** 2
    found = MEASURES[kind](z, u, joint)
    z, u = z.numpy(), u.numpy()
    pairs = [(z, u)] if joint else [(z[:, [j]], u[:, [k]]) for j, k in itertools.product(range(3), range(2))]
    matrices = [(kernel(kind, a), kernel(kind, b)) for a, b in pairs]
    by_hand = [unbiased(a, b) / np.sqrt(unbiased(a, a) * unbiased(b, b)) for a, b in matrices]
    np.testing.assert_allclose(found.flatten(), by_hand, rtol=1e-9)


@pytest.mark.parametrize("kind", MEASURES)
@pytest.mark.parametrize("joint", [True, False])
def test_the_slope_by_hand_is_the_slope(kind, joint):
    tables = [normal(9, 3).requires_grad_(), normal(9, 2, seed=1).requires_grad_()]
    assert torch.autograd.gradcheck(lambda z, u: MEASURES[kind](z, u, joint), tables)
    z, u = tables
    assert torch.equal(MEASURES[kind](z, u, joint), MEASURES[kind](z.detach(), u.detach(), joint))


@pytest.mark.parametrize("kind", MEASURES)
def test_chance_is_zero_in_the_mean_at_any_number_of_rows(kind):
    for rows in (5, 64):
        found = [MEASURES[kind](normal(rows, 3, seed=i), normal(rows, 2, seed=1000 + i)).item() for i in range(400)]
        assert abs(np.mean(found)) < 4 * np.std(found) / 20


@pytest.mark.parametrize("kind", MEASURES)
def test_what_is_alike_is_one_and_a_constant_column_is_nothing(kind):
    z = normal(40, 2).requires_grad_()
    assert MEASURES[kind](z, 3 * z - 1).item() == pytest.approx(1)
    still = torch.ones(40, 1, dtype=z.dtype)
    assert MEASURES[kind](still, z).item() == 0 == MEASURES[kind](z, still).item()
    partly = MEASURES[kind](torch.cat([z, still], dim=1), z[:, :1], joint=False)
    assert partly[2].item() == 0
    twice = torch.cat([z[:20], z[:20]])  # equal rows, whose distance has no slope
    total = MEASURES[kind](twice, normal(40, 1)) + MEASURES[kind](still * z[:1], z)
    (gradient,) = torch.autograd.grad(total.sum() + partly.sum(), z)
    assert gradient.isfinite().all() and gradient.abs().max() > 0


@pytest.mark.parametrize("kind", MEASURES)
def test_a_copy_that_several_latents_share_is_seen_by_whole_rows(kind):
    u, noise = normal(4000, 1), normal(4000, 8, seed=1)
    shared = u / 2 + noise  # each latent alone hardly knows the factor, their mean knows it well
    assert pearson(shared, u).max() < 0.5 < 0.8 < pearson(shared.mean(1, keepdim=True), u)
    measure = MEASURES[kind]
    assert measure(shared[:400], u[:400]) > 2 * measure(shared[:400], u[:400], joint=False).max()
    turn = torch.linalg.qr(normal(8, 8, seed=2)).Q
    torch.testing.assert_close(measure(noise[:400] @ turn, u[:400]), measure(noise[:400], u[:400]), atol=5e-3, rtol=0)


def test_wrapping_by_hand():
    z = torch.tensor([[-1000.0], [-1.0], [0.0], [1.0], [2.0], [4.0], [1000.0]], dtype=torch.float64)
    spread = 1.4826 * 2  # the median is 1, and the deviations 1001, 2, 1, 0, 1, 3, 999 have the median 2
    t = (z - 1) / spread
    np.testing.assert_allclose(wrap(z)[1:6], t[1:6], rtol=1e-12)
    assert wrap(z)[0].item() == 0 == wrap(z)[6].item()
    normal_t = torch.tensor([1.5, 2.0, 3.0, 3.999999, 4.0, 4.1], dtype=torch.float64)
    column = torch.cat([torch.linspace(-1.3490, 1.3490, 2001, dtype=torch.float64), normal_t])[:, None]
    wrapped = wrap(column)[-6:, 0]
    size = (normal_t - column.median()) / (1.4826 * (column - column.median()).abs().median())
    curve = 1.540793 * torch.tanh(0.8622731 * (4 - size))
    expected = torch.where(size <= 1.5, size, torch.where(size <= 4, curve, torch.zeros(())))
    np.testing.assert_allclose(wrapped, expected, rtol=1e-12)
    assert 1.540793 * np.tanh(0.8622731 * 2.5) == pytest.approx(1.5, abs=1e-3)  # continuous


def test_four_rows_far_out_hide_a_copy_from_all_but_the_wrapped():
    """Chapter 14's example: the first free latent is a copy of the factor, but for four rows of 128 at +-40."""
    u = normal(128, 1)
    z = torch.cat([u.clone(), normal(128, 1, seed=1)], dim=1)
    z[:4, 0] = torch.tensor([40.0, -40.0, 40.0, -40.0])
    bounded = torch.tanh((z - z.mean(0)) / z.std(0))
    chance = inter(torch.cat([normal(128, 1, seed=2), z[:, 1:]], dim=1), u)
    hidden, by_sd, wrapped = (inter(code, u) for code in (z, bounded, wrap(z)))
    assert hidden < 1.5 * chance and by_sd < 0.6 * wrapped and wrapped > 3 * chance


def test_wrapping_leaves_normal_columns_their_correlations_and_has_a_slope():
    u = normal(20000, 1)
    z = (0.8 * u + 0.6 * normal(20000, 1, seed=1)).requires_grad_()
    assert 0.76 < pearson(wrap(z), u).item() < 0.8
    (gradient,) = torch.autograd.grad(pearson(wrap(z), u).sum(), z)
    assert gradient.isfinite().all() and gradient.abs().max() > 0
    still = torch.full((9, 1), 7.0)
    one_apart = wrap(torch.tensor([[1.0], [1.0], [1.0], [3.0]]))[3].item()  # has no spread, and keeps its unit
    assert wrap(still).abs().max() == 0 and one_apart == pytest.approx(1.540793 * np.tanh(0.8622731 * 2.0))


@pytest.mark.parametrize("measure", MEASURES.values())
def test_bad_input_is_named(measure):
    for z, u in ((normal(3, 1), normal(3, 1)), (normal(8, 1), normal(9, 1))):
        with pytest.raises(ValueError, match=rf"4 or more; got {len(z)} and {len(u)}"):
            measure(z, u)
