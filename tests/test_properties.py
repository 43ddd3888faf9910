"""Properties that hold for any shape, dtype, scale and degenerate input, tried on examples that never change."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

import auxvae_lite
from auxvae_lite import files
from auxvae_lite.datasets import FactorDataset, shear_symmetry
from auxvae_lite.divergences import aggregate_kl, kl_diag_normal, kl_monte_carlo
from auxvae_lite.metrics import (
    correlations,
    disentanglement_completeness,
    expected_null,
    lds,
    mig,
    sap,
    ssim,
    ssim_scores,
)
from auxvae_lite.models import AuxVAE
from auxvae_lite.priors import targeted_prior
from auxvae_lite.regularizers import READINGS, explicitness, inter, intra, pearson, penalties
from auxvae_lite.scalings import KINDS, Scaling
from auxvae_lite.study import results

stable = settings(max_examples=40, derandomize=True, deadline=None, database=None)
seeds = st.integers(0, 2**31 - 1)
magnitudes = st.integers(-6, 6).map(lambda power: 10.0**power)
precisions = st.sampled_from([torch.float32, torch.float64])


def generator(seed):
    return torch.Generator().manual_seed(seed)


def normal(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("written")


@st.composite
def gaussians(draw, spread=20.0, powers=(-3, 3)):
    """Posterior mean and log-variance (B, d), prior mean (B, d) and standard deviation (d,)."""
    B, d, seed, power = draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(seeds), draw(st.integers(*powers))
    mu, logvar, mean = normal(seed, 3, B, d)
    std = torch.rand(d, dtype=torch.float64, generator=generator(seed + 1)) + 0.5
    return 10.0**power * mu, logvar + draw(st.floats(-spread, spread)), 10.0**power * mean, 10.0**power * std


@stable
@given(gaussians())
def test_kl_is_that_of_torch_distributions(case):
    mu, logvar, mean, std = case
    reference = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(mean, std))
    assert ((kl_diag_normal(*case) - reference).abs() / reference.clamp(min=1)).max() <= 1e-10


@stable
@given(gaussians())
def test_kl_is_zero_at_the_prior_and_positive_elsewhere(case):
    mu, logvar, mean, std = case
    assert kl_diag_normal(mean, (2 * std.log()).expand_as(mean), mean, std).abs().max() <= 1e-12
    r, shift = logvar - 2 * std.log(), (mu - mean) / std
    bound = 0.5 * (r**2 / (2 + r.abs()) + shift**2)  # e^r - 1 - r >= r^2 / (2 + |r|)
    assert (kl_diag_normal(*case) >= (1 - 1e-9) * bound - 1e-12).all()


@stable
@given(gaussians())
def test_kl_adds_over_latents_and_goes_with_its_row(case):
    mu, logvar, mean, std = case
    kl = kl_diag_normal(*case)
    twice = kl_diag_normal(mu.repeat(1, 2), logvar.repeat(1, 2), mean.repeat(1, 2), std.repeat(2))
    torch.testing.assert_close(twice, kl.repeat(1, 2))
    torch.testing.assert_close(twice.sum(1), 2 * kl.sum(1))
    torch.testing.assert_close(kl_diag_normal(mu.flip(0), logvar.flip(0), mean.flip(0), std), kl.flip(0))


@stable
@given(st.floats(-1e4, 1e4), st.floats(-1e4, 60), st.floats(1e-4, 1e4), precisions)
def test_kl_and_its_gradient_stay_finite_at_extremes(mu, logvar, std, dtype):
    inputs = [torch.tensor([value], dtype=dtype, requires_grad=True) for value in (mu, logvar)]
    kl = kl_diag_normal(*inputs, 0.0, std)
    assert all(torch.isfinite(value).all() for value in (kl, *torch.autograd.grad(kl, inputs)))


@stable
@given(gaussians(spread=8.0, powers=(-2, 2)))
def test_kl_in_float32_is_close_to_float64(case):
    short = [value.float() for value in case]
    reference = kl_diag_normal(*(value.double() for value in short))
    torch.testing.assert_close(kl_diag_normal(*short).double(), reference, rtol=1e-4, atol=1e-4)


@stable
@given(gaussians(spread=1.0, powers=(0, 0)), seeds)
def test_monte_carlo_estimates_the_closed_form(case, seed):
    estimate = kl_monte_carlo(*case, samples=2000, generator=generator(seed))
    assert ((estimate.value - kl_diag_normal(*case)).abs() < 5 * estimate.error).all()


@stable
@given(gaussians(spread=1.0, powers=(0, 0)), seeds)
def test_aggregate_kl_of_equal_images_is_the_closed_form(case, seed):
    mu, logvar, mean = (value[:1].repeat(50, 1) for value in case[:3])
    estimate = aggregate_kl(mu, logvar, mean, case[3], samples=20, generator=generator(seed))
    exact = kl_diag_normal(mu[0], logvar[0], mean[0], case[3]).sum()
    assert abs(estimate.value - exact) < 5 * estimate.error


@stable
@given(gaussians(), seeds)
def test_aggregate_kl_is_zero_when_posteriors_are_the_priors(case, seed):
    _, _, mean, std = case
    mean = mean.repeat(2, 1)
    estimate = aggregate_kl(mean, (2 * std.log()).expand_as(mean), mean, std, generator=generator(seed))
    assert abs(estimate.value) < 1e-9


@stable
@given(gaussians(spread=2.0, powers=(-2, 2)), st.floats(-10, 10), st.floats(0.1, 10), seeds)
def test_estimates_do_not_see_a_shift_or_a_change_of_units(case, shift, unit, seed):
    mu, logvar, mean, std = (value.repeat(2, 1) if value.ndim == 2 else value for value in case)
    changed = unit * mu + shift, logvar + 2 * math.log(unit), unit * mean + shift, unit * std
    for estimate in (kl_monte_carlo, aggregate_kl):
        ours, theirs = (
            estimate(*arguments, samples=3, generator=generator(seed))
            for arguments in ((mu, logvar, mean, std), changed)
        )
        torch.testing.assert_close(theirs, ours, rtol=1e-6, atol=1e-6)


@stable
@given(st.integers(0, 4), st.integers(0, 3), st.integers(1, 5), magnitudes, seeds, precisions)
def test_the_prior_expects_factors_then_noise_and_keeps_the_dtype(K, free, B, variance, seed, dtype):
    u = normal(seed, B, K).to(dtype)
    mean, std = targeted_prior(u, K + free, variance)
    assert mean.dtype == std.dtype == dtype
    assert torch.equal(mean[:, :K], u) and (mean[:, K:] == 0).all() and (std[K:] == 1).all()
    torch.testing.assert_close(std[:K] ** 2, torch.full_like(std[:K], variance))
    at_prior = kl_diag_normal(mean, (2 * std.log()).expand_as(mean), mean, std)
    assert at_prior.shape == (B, K + free) and (at_prior.abs() < 1e-5).all()


COLUMNS = {
    "normal": lambda noise: noise,
    "small": lambda noise: 1e-3 * noise,
    "large": lambda noise: 1e3 * noise,
    "zero": lambda noise: 0 * noise,
    "constant": lambda noise: 0 * noise + 0.1,
    "constant but for rounding": lambda noise: 0.1 + 1e-17 * noise,
    "constant but for float32's rounding": lambda noise: 1 + 1e-7 * noise,
    "two values": lambda noise: (noise > 0).double(),
    "one row alone": lambda noise: torch.eye(len(noise), dtype=torch.float64)[0],
}


@st.composite
def degenerate(draw):
    """Latents and factors (B, K) with columns of any kind, some the same."""
    B, K, seed = draw(st.integers(2, 8)), draw(st.integers(1, 3)), draw(seeds)
    kinds = draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=2 * K, max_size=2 * K))
    columns = [COLUMNS[kind](noise) for kind, noise in zip(kinds, normal(seed, 2 * K, B), strict=True)]
    z, u = torch.stack(columns[:K], 1), torch.stack(columns[K:], 1)
    same = draw(st.sampled_from(["no", "code and factor", "two factors"]))
    u = z.clone() if same == "code and factor" else torch.cat([u[:, :1], u[:, :-1]], 1) if same != "no" else u
    return z, u


@st.composite
def batches(draw, rows=(12, 40)):
    """Latents and factors (B, K) that vary, partly dependent."""
    B, K, seed = draw(st.integers(*rows)), draw(st.integers(1, 4)), draw(seeds)
    u, noise = normal(seed, 2, B, K)
    return u + draw(st.floats(0.1, 10)) * noise, u


def all_three(z, u, *arguments):
    return torch.stack([penalty(z, u, *arguments) for penalty in (explicitness, intra, inter)])


@pytest.mark.parametrize("reading", READINGS)
@stable
@given(degenerate(), st.integers(1, 3), precisions)
def test_penalties_of_degenerate_columns_are_bounded_with_finite_gradients(reading, case, degree, dtype):
    z, u = (columns.to(dtype) for columns in case)
    z.requires_grad_()
    values = all_three(z, u, degree, reading)
    (gradient,) = torch.autograd.grad(values.sum(), z)
    assert torch.isfinite(gradient).all()
    K, each = z.shape[1], degree**2 if reading == "powers" else 1
    largest = [2 * K * degree if reading == "powers" else K, K * (K - 1) * each, K * each + K * (K - 1) / 2]
    assert (values >= -1e-5).all() and (values <= torch.tensor(largest) + 1e-4).all()
    assert (pearson(z, u).abs() <= 1 + 1e-6).all()


@pytest.mark.parametrize("reading", READINGS)
@stable
@given(degenerate(), st.integers(1, 3), precisions)
def test_all_penalties_at_once_are_the_three_with_finite_gradients(reading, case, degree, dtype):
    u, free = (columns.to(dtype) for columns in case)
    z = torch.cat([u.flip(0), free], 1).requires_grad_()
    aux, recon = z.tensor_split(2, dim=1)
    values = penalties(z, u, degree, reading)
    three = explicitness(aux, u, 1, reading), intra(aux, u, 1, reading), inter(recon, u, degree, reading)
    torch.testing.assert_close(torch.stack(values), torch.stack(three), rtol=1e-4, atol=1e-4)
    assert torch.isfinite(torch.autograd.grad(sum(values), z)[0]).all()


@pytest.mark.parametrize("reading", READINGS)
@stable
@given(degenerate(), precisions)
def test_constant_codes_have_value_and_gradient_zero(reading, case, dtype):
    z, u = (columns.to(dtype) for columns in case)
    z = torch.cat([z, torch.full_like(z[:, :1], 3.7)], 1).requires_grad_()
    u = torch.cat([u, u[:, :1]], 1)
    (gradient,) = torch.autograd.grad(all_three(z, u, 3, reading).sum(), z)
    assert (gradient[:, -1] == 0).all() and (pearson(z, u)[-1] == 0).all()
    assert intra(z[:, -1:].repeat(1, u.shape[1]), u, 3, reading) == inter(z[:, -1:], u, 3, reading) == 0


@pytest.mark.parametrize("reading", READINGS)
@stable
@given(degenerate(), st.integers(1, 3))
def test_the_gradient_of_inter_for_the_guided_latents_is_finite(reading, case, degree):
    free, guided = case
    guided.requires_grad_()
    (gradient,) = torch.autograd.grad(inter(free, guided, degree, reading), guided)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("reading", READINGS)
@stable
@given(batches(), st.integers(0, 9), st.integers(1, 3))
def test_collapsing_codes_keep_their_value_and_gradient_in_float32(reading, case, power, degree):
    z, u = (columns.float() for columns in case)
    found = []
    for dtype in (torch.float32, torch.float64):
        code = (10.0**-power * z.to(dtype)).requires_grad_()
        value = inter(code, u.to(dtype), degree, reading)
        found.append((value.detach().double(), 10.0**-power * torch.autograd.grad(value, code)[0].double()))
    torch.testing.assert_close(*found, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("reading", READINGS)
@stable
@given(batches(), st.data())
def test_penalties_of_degree_one_do_not_see_units_or_origins(reading, case, data):
    z, u = case
    scales = st.lists(magnitudes, min_size=z.shape[1], max_size=z.shape[1]).map(torch.tensor)
    a, b = data.draw(scales), data.draw(scales)
    expected = all_three(z, u, 1, reading)
    changed = torch.stack(
        [
            explicitness(a * (z + 10), b * (u - 10), 1, reading),
            intra(a * (z + 10), b * (u - 10), 1, reading),
            inter(a * (z + 10), b * u, 1, reading),  # a product of shifted factors is another function
        ]
    )
    torch.testing.assert_close(changed, expected, rtol=0, atol=1e-6)


@stable
@given(batches())
def test_reversed_codes_change_the_sign_of_rho_alone(case):
    z, u = case
    torch.testing.assert_close(pearson(-z, u), -pearson(z, u))
    torch.testing.assert_close(pearson(u, z), pearson(z, u).T)
    torch.testing.assert_close(explicitness(-z, u), 2 * z.shape[1] - explicitness(z, u))
    torch.testing.assert_close(explicitness(-z, u, 3, "multiple"), explicitness(z, u, 3, "multiple"))
    for reading in READINGS:
        torch.testing.assert_close(all_three(-z, u, 3, reading)[1:], all_three(z, u, 3, reading)[1:])


@pytest.mark.parametrize("reading", READINGS)
@stable
@given(batches(), st.integers(1, 3), seeds)
def test_penalties_do_not_see_the_order_or_a_repetition_of_rows_nor_the_order_of_factors(reading, case, degree, seed):
    z, u = case
    rows = torch.randperm(len(z), generator=generator(seed)).repeat(2)
    columns = torch.randperm(z.shape[1], generator=generator(seed))
    changed = all_three(z[rows][:, columns], u[rows][:, columns], degree, reading)
    torch.testing.assert_close(changed, all_three(z, u, degree, reading))


@stable
@given(batches())
def test_multiple_correlation_grows_with_the_degree_from_rho(case):
    z, u = case
    values = torch.stack([inter(z, u, degree, "multiple", products=False) for degree in (1, 2, 3)])
    torch.testing.assert_close(values[0], inter(z, u, 1, "powers", products=False))
    torch.testing.assert_close(values[0] * z.shape[1], pearson(z, u).abs().sum())
    assert (values.diff() >= -1e-9).all()


@stable
@given(batches(), precisions, st.sampled_from(["two values", "constant"]))
def test_powers_that_add_nothing_change_no_multiple_correlation(case, dtype, kind):
    z, u = case[0].to(dtype), COLUMNS[kind](case[1]).to(dtype)
    once, cubed = (inter(z, u, degree, "multiple", products=False) for degree in (1, 3))
    torch.testing.assert_close(cubed, once, rtol=0, atol=1e-3 if dtype == torch.float32 else 1e-9)


@stable
@given(batches(rows=(2, 2)))
def test_two_rows_correlate_fully(case):
    torch.testing.assert_close(pearson(*case).abs(), torch.ones_like(pearson(*case)))


@pytest.mark.parametrize("reading", READINGS)
@stable
@given(batches(), st.integers(1, 3))
def test_penalties_in_float32_are_close_to_float64(reading, case, degree):
    short = [columns.float() for columns in case]
    reference = all_three(*(columns.double() for columns in short), degree, reading)
    torch.testing.assert_close(all_three(*short, degree, reading).double(), reference, rtol=1e-4, atol=1e-3)


@st.composite
def images(draw):
    """Two sets of images, shape (n, C, H, W), in the same unit."""
    n, C, H, W = (
        draw(st.integers(1, 3)),
        draw(st.sampled_from([1, 3])),
        draw(st.integers(7, 16)),
        draw(st.integers(7, 16)),
    )
    rng = np.random.default_rng(draw(seeds))
    return draw(magnitudes) * (rng.random((2, n, C, H, W)) + draw(st.floats(-2, 2)))


@stable
@given(images(), st.floats(0.1, 10))
def test_ssim_is_symmetric_at_most_one_and_one_for_equal_images(pair, relative):
    a, b = np.abs(pair)  # below 0, the truth's minimum shifts both
    span = relative * np.ptp(a)
    found = ssim(a, b, span)
    np.testing.assert_allclose(ssim(b, a, span), found, atol=1e-12)
    assert found.shape == (len(a),) and (np.abs(found) < 1).all()
    np.testing.assert_allclose(ssim(a, a), 1, atol=1e-9)


@stable
@given(images(), magnitudes)
def test_ssim_does_not_see_the_unit_or_mirrors_and_averages_channels(pair, unit):
    a, b = np.abs(pair)
    found = ssim(a, b)
    np.testing.assert_allclose(ssim(unit * a, unit * b), found, atol=1e-9)
    np.testing.assert_allclose(ssim(a[..., ::-1], b[..., ::-1]), found, atol=1e-9)
    np.testing.assert_allclose(ssim(a.swapaxes(2, 3), b.swapaxes(2, 3)), found, atol=1e-9)
    for image, other, value in zip(a, b, found, strict=True):
        np.testing.assert_allclose(ssim(image[:, None], other[:, None], np.ptp(image)).mean(), value, atol=1e-9)


@stable
@given(images(), magnitudes, st.floats(-3, 3))
def test_ssim_scores_follow_their_conventions(pair, unit, shift):
    a, b = pair
    scores = ssim_scores(a, b, clean=b)
    assert scores.keys() == {"ssim_global", "ssim_image", "ssim_clean"}
    assert scores["ssim_clean"] == pytest.approx(1) and scores["ssim_image"] == pytest.approx(ssim(a, b).mean())
    assert ssim_scores(a, a) == pytest.approx({"ssim_global": 1, "ssim_image": 1})
    moved = [unit * (images + shift * np.ptp(a)) for images in pair]
    assert ssim_scores(*moved)["ssim_global"] == pytest.approx(scores["ssim_global"], abs=1e-9)


@st.composite
def codes(draw):
    """Codes (n, d) that hold factors (n, K) more or less."""
    n, d, K = draw(st.integers(60, 200)), draw(st.integers(2, 8)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(seeds))
    u, z = rng.random((n, K)), rng.standard_normal((n, d))
    return z + draw(st.floats(0, 30)) * u @ rng.standard_normal((K, d)), u


@stable
@given(codes(), st.integers(0, 2))
def test_lds_sap_and_their_references_are_bounded(case, dead):
    z, u = case
    z = np.hstack([z, np.full((len(z), dead), 0.1)])
    score = lds(z, u)
    assert 1 / score.live - 1e-12 <= score.value <= 1 + 1e-12
    assert 1 / score.live < score.floor <= score.ceiling
    assert score.ceiling == pytest.approx(1 / (1 + (score.live - 1) * expected_null(score.n)))
    assert score.normalised == pytest.approx((score.value - score.floor) / (score.ceiling - score.floor))
    assert (score.live, score.n) == (z.shape[1] - dead, len(z))
    assert 0 <= sap(z, u) <= 1 and 0 <= mig(z, u) <= 1


@stable
@given(codes(), st.data())
def test_lds_sap_and_mig_do_not_see_order_sign_unit_or_dead_latents(case, data):
    z, u = case
    order = data.draw(st.permutations(range(z.shape[1])))
    unit = data.draw(st.lists(st.sampled_from([-100.0, -1.0, 0.1, 10.0]), min_size=len(order), max_size=len(order)))
    changed = np.hstack([z[:, order] * unit + 3, np.full((len(z), 1), data.draw(magnitudes))])
    assert lds(changed, u) == pytest.approx(lds(z, u))
    assert sap(changed, u) == pytest.approx(sap(z, u))
    assert mig(changed, u) == pytest.approx(mig(z, u))
    assert lds(changed, 7 - u * data.draw(magnitudes)) == pytest.approx(lds(z, u))


@stable
@given(seeds, st.integers(2, 12), st.integers(2, 12), magnitudes, st.integers(1, 3))
def test_importances_do_not_see_unit_order_or_dead_codes_and_turned_over_change_names(seed, d, K, unit, dead):
    rng = np.random.default_rng(seed)
    importance = rng.random((d, K)) ** 8  # some nearly 0, as where codes serve few factors
    importance[:, 0] *= rng.random(d) < 0.5
    D, C = disentanglement_completeness(importance)
    assert -1e-12 <= D <= 1 and -1e-12 <= C <= 1
    assert disentanglement_completeness(unit * importance[::-1, ::-1]) == pytest.approx((D, C))
    assert disentanglement_completeness(importance.T) == (C, D)
    more = disentanglement_completeness(np.vstack([importance, np.zeros((dead, K))]))
    assert more == pytest.approx((D, 1 - (1 - C) * np.log(d) / np.log(d + dead)))


@stable
@given(seeds, st.lists(st.sampled_from([0.0, 1e-200, 1e-9, 1.0, 1e3, 1e300]), min_size=1, max_size=6))
def test_latents_live_that_vary_in_whatever_unit(seed, spreads):
    z = np.random.default_rng(seed).standard_normal((50, len(spreads)))
    found, same = lds(z * spreads, np.arange(50.0)[:, None]), lds(z * np.sign(spreads), np.arange(50.0)[:, None])
    assert found.live == sum(spread > 0 for spread in spreads)
    assert tuple(found) == pytest.approx(tuple(same))


@stable
@given(codes(), magnitudes)
def test_correlations_are_numpys_and_zero_for_constant_columns(case, unit):
    z, u = case
    found = correlations(unit * z, u)
    np.testing.assert_allclose(found, np.corrcoef(z.T, u.T)[: z.shape[1], z.shape[1] :], atol=1e-9)
    assert (correlations(np.full_like(z, unit), u) == 0).all() and (correlations(z, np.full_like(u, unit)) == 0).all()


@stable
@given(st.integers(3, 10**4))
def test_chance_correlation_falls_with_n_towards_its_limit(n):
    limit = math.sqrt(2 / (math.pi * n))
    assert limit < expected_null(n) < expected_null(n - 1) <= 1 + 1e-12
    assert expected_null(n) < limit * math.sqrt(n / (n - 1.5))


@st.composite
def data(draw):
    """Pixels or factors that vary, from 0 up or around it, in some unit, and the dimension to fit along."""
    dim, n = draw(st.sampled_from([None, 0])), draw(st.integers(3, 9))
    shape, unit = ((1, 5, 4), draw(magnitudes)) if dim is None else ((2,), torch.tensor([draw(magnitudes), 1.0]))
    x = normal(draw(seeds), n, *shape) + draw(st.sampled_from([-3.0, 0.0, 3.0]))
    x[0] = 0
    return unit * x, dim


@pytest.mark.parametrize("kind", KINDS)
@stable
@given(data(), precisions)
@pytest.mark.filterwarnings("ignore:.log10. adds")
def test_scalings_invert_and_keep_shape_and_dtype(kind, case, dtype):
    x, dim = case[0].abs() if kind == "log10" else case[0], case[1]
    x = x.to(dtype)
    y = (scaling := Scaling.fit(kind, x, dim)).forward(x)
    assert y.dtype == dtype and y.shape == x.shape
    full = x.abs().max() if dim is None else x.abs().amax(0)
    error = ((scaling.inverse(y) - x) / full).abs().max()
    assert error <= (1e-10 if dtype == torch.float64 else 2e-5), f"{error:.1e} of full scale"


@pytest.mark.parametrize("kind", KINDS)
@stable
@given(data())
def test_scalings_reach_the_range_that_they_promise(kind, case):
    x, dim = case[0].abs() if kind == "log10" else case[0], case[1]
    y = Scaling.fit(kind, x, dim)(x)
    y = y.reshape(-1, 1) if dim is None else y
    zero, one = torch.zeros(y.shape[1], dtype=y.dtype), torch.ones(y.shape[1], dtype=y.dtype)
    if kind == "standard":
        torch.testing.assert_close((y.mean(0), y.var(0, correction=0)), (zero, one))
    elif kind == "asinh":
        torch.testing.assert_close(y.abs().amax(0), one)
    else:
        torch.testing.assert_close((y.amin(0), y.amax(0)), (zero, one))


@pytest.mark.parametrize("kind", KINDS)
@stable
@given(data(), st.one_of(st.just(0.0), magnitudes), st.integers(0, 1))
def test_constant_data_are_refused_by_every_scaling(kind, case, constant, column):
    x, dim = case
    x = x.abs() if kind == "log10" else x
    if dim is None:
        x[:] = constant
    else:
        x[:, column] = constant
    with pytest.raises(ValueError, match="the data holds" if dim is None else f"column {column} holds"):
        Scaling.fit(kind, x, dim)


def numbered(n):
    return FactorDataset(np.zeros((n, 1, 1, 1)), np.arange(float(n))[:, None])


@stable
@given(st.integers(3, 300), seeds, st.floats(0.05, 0.9), st.floats(0.05, 0.9))
def test_splits_are_disjoint_complete_repeatable_and_as_large_as_asked_for(n, seed, train, test):
    if int(n * train) < 1 or int(n * test) < 1 or int(n * train) + int(n * test) >= n:
        with pytest.raises(ValueError, match="part is empty"):
            numbered(n).split(seed, train, test)
        return
    parts = numbered(n).split(seed, train, test)
    rows = [part.factors[:, 0] for part in parts]
    np.testing.assert_array_equal(np.sort(np.concatenate(rows)), np.arange(n))
    assert -1 < len(parts[0]) - n * train <= 0 and -1 < len(parts[2]) - n * test <= 0
    for part, again in zip(rows, numbered(n).split(seed, train, test), strict=True):
        np.testing.assert_array_equal(part, again.factors[:, 0])
    others = np.concatenate([part.factors[:, 0] for part in numbered(n).split(seed + 1, train, test)])
    assert n < 10 or (others != np.concatenate(rows)).any()


def test_the_default_split_is_seven_tenths_and_one_tenth_rounded_down():
    for n in range(10, 200):
        assert [len(part) for part in numbered(n).split(0)][::2] == [7 * n // 10, n // 10]


def turned(image, transpose, mirror, flip):
    image = image.mT if transpose else image
    return image.flip([axis for axis, turn in ((2, mirror), (1, flip)) if turn])


@stable
@given(st.integers(1, 6), st.sampled_from([1, 3]), st.integers(2, 9), seeds, st.permutations(["g1", "g2", "flux"]))
def test_shear_symmetry_turns_each_image_by_one_of_eight_and_its_shear_with_it(B, C, side, seed, names):
    x, u = normal(seed, B, C, side, side), normal(seed + 1, B, 3)
    turns, signs = shear_symmetry(x, u, names, generator(seed))
    assert turns.shape == x.shape
    assert torch.equal(turns.flatten(1).sort(1).values, x.flatten(1).sort(1).values)
    coins = [(t, m, f) for t in (0, 1) for m in (0, 1) for f in (0, 1)]
    for before, after, sign in zip(x, turns, (signs / u).tolist(), strict=True):
        ((t, m, f),) = [coin for coin in coins if torch.equal(turned(before, *coin), after)]
        assert [sign[names.index(name)] for name in ("g1", "g2", "flux")] == [1 - 2 * t, (1 - 2 * m) * (1 - 2 * f), 1]


def test_shear_symmetry_turns_by_all_eight():
    x = torch.arange(9.0).reshape(1, 1, 3, 3).expand(200, -1, -1, -1)
    assert len(shear_symmetry(x, torch.ones(200, 1), ("g1",), generator(0))[0].unique(dim=0)) == 8


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
headers = st.dictionaries(st.text().filter(lambda key: key != "version"), json, max_size=4)
DTYPES = [
    torch.bool, torch.uint8, torch.int8, torch.uint16, torch.int16, torch.uint32, torch.int32, torch.uint64,
    torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.float8_e4m3fn,
    torch.float8_e5m2,
]  # fmt: skip


@st.composite
def tensors(draw):
    """A tensor of any dtype and shape, of any bytes: NaN and infinity, too."""
    dtype, shape = draw(st.sampled_from(DTYPES)), draw(st.lists(st.integers(0, 3), max_size=3))
    raw = torch.randint(256, (math.prod(shape) * dtype.itemsize,), dtype=torch.uint8, generator=generator(draw(seeds)))
    return (raw % 2 if dtype == torch.bool else raw).view(dtype).reshape(shape)


def raw_bytes(tensor):
    return tensor.reshape(-1).view(torch.uint8).tolist()


@stable
@given(st.dictionaries(st.text(), tensors(), max_size=4), headers)
def test_files_keep_every_byte_dtype_shape_and_header(folder, named, header):
    files.write(folder / "µ.safetensors", named, header)
    read, read_header = files.read(folder / "µ.safetensors")
    assert read_header == header | {"version": auxvae_lite.__version__}
    assert read.keys() == named.keys()
    for name, tensor in named.items():
        assert (read[name].dtype, read[name].shape) == (tensor.dtype, tensor.shape)
        assert raw_bytes(read[name]) == raw_bytes(tensor)


@stable
@given(seeds, st.text(), st.text())
def test_the_checksum_sees_names_dtypes_shapes_bytes_and_text_and_not_the_order(seed, name, text):
    a, b = normal(seed, 2, 2, 3)
    variants = [
        ({name: a, name + "b": b}, text),
        ({name: b, name + "b": a}, text),
        ({name: a, name + "c": b}, text),
        ({name: a, name + "b": b.reshape(3, 2)}, text),
        ({name: a, name + "b": b.view(torch.int64)}, text),
        ({name: a, name + "b": -b}, text),
        ({name: a}, text),
        ({name: a, name + "b": b}, text + " "),
    ]
    assert len({files.checksum(*variant) for variant in variants}) == len(variants)
    assert files.checksum({name + "b": b, name: a}, text) == files.checksum(*variants[0])


@stable
@given(st.integers(1, 3), seeds)
def test_data_without_noise_are_saved_too(folder, n, seed):
    images = np.random.default_rng(seed).random((n, 1, 4, 4), dtype=np.float32)
    FactorDataset(images, np.zeros((n, 1)), clean=images).save(folder / "d.safetensors")
    np.testing.assert_array_equal(FactorDataset.load(folder / "d.safetensors").clean, images)


@stable
@given(st.tuples(*[st.integers(1, 4)] * 4), st.lists(st.text(), max_size=3, unique=True), st.booleans(), headers, seeds)
def test_datasets_come_back_from_their_file(folder, shape, names, noisy, provenance, seed):
    rng = np.random.default_rng(seed)
    images, factors, clean = rng.random(shape), 1e6 * rng.standard_normal((shape[0], len(names))), rng.random(shape)
    data = FactorDataset(images, factors, names, names[::-1], clean if noisy else None, provenance)
    data.save(folder / "d.safetensors")
    read = FactorDataset.load(folder / "d.safetensors")
    assert (repr(read), read.names, read.units, read.provenance) == (repr(data), data.names, data.units, provenance)
    for name in ("images", "factors", "clean"):
        np.testing.assert_array_equal(getattr(read, name), getattr(data, name), strict=True)
    assert read.checksum() == data.checksum()


@settings(stable, max_examples=15)
@given(
    st.tuples(st.integers(1, 3), st.integers(16, 21), st.integers(16, 21)),
    st.lists(st.text(), max_size=3, unique=True),
    st.integers(1, 3),
    st.lists(st.sampled_from([2, 4, 6]), min_size=4, max_size=4),
    st.sampled_from(KINDS),
    headers,
    seeds,
)
def test_models_come_back_from_their_file(folder, shape, factors, free, widths, kind, provenance, seed):
    torch.manual_seed(seed)
    images = 50 * torch.rand(3, *shape)
    u = torch.rand(3, len(factors))
    scalings = [Scaling.fit(kind, images), Scaling.fit(kind, u, dim=0) if factors else None]
    model = AuxVAE(shape, factors, len(factors) + free, widths, *scalings).eval()
    model.provenance = provenance
    model.save(folder / "m.safetensors")
    read = AuxVAE.load(folder / "m.safetensors")
    assert (read.factors, read.widths, read.provenance) == (tuple(factors), tuple(widths), provenance)
    for ours, theirs in zip(read.encode(images), model.encode(images), strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(read.decode(model.encode(images).mu), model.decode(model.encode(images).mu))
    assert torch.equal(read.generate(u, free="mean"), model.generate(u, free="mean"))


@st.composite
def evidence(draw):
    """A result that follows the schema."""
    number = st.floats(allow_nan=False, allow_infinity=False)
    scores = draw(st.lists(st.text(), min_size=1, max_size=3, unique=True))
    rows = {name: st.fixed_dictionaries({"floor": number}) for name in scores[:1]}
    run = st.fixed_dictionaries(
        {
            "variant": st.text(),
            "seed": st.integers(),
            "threads": st.integers(),
            "seconds": st.fixed_dictionaries(dict.fromkeys(("data", "train", "evaluate"), number)),
            "scores": st.fixed_dictionaries(dict.fromkeys(scores, number)),
            "reference": st.fixed_dictionaries(rows),
        }
    )
    return {
        "experiment": draw(st.text()),
        "config": draw(headers),
        "code": draw(st.text()),
        "machine": draw(st.text()),
        "n": {part: draw(st.integers(0)) for part in ("train", "validation", "test")},
        "runs": draw(st.lists(run, min_size=1, max_size=3, unique_by=lambda run: (run["variant"], run["seed"]))),
    }


@stable
@given(evidence())
def test_results_come_back_from_their_file(folder, result):
    results.save(folder / "r.json", result)
    assert results.load(folder / "r.json") == result
