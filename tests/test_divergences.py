"""KL: against torch.distributions, by hand, near collapse, by Monte Carlo; Eq. 5 against known cases."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from auxvae_lite.divergences import aggregate_kl, kl_diag_normal, kl_monte_carlo
from auxvae_lite.priors import targeted_prior


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [1, 10, 100, 11468])
def test_equals_torch_distributions(n):
    u, mu = normal(64, 5), normal(64, 10, seed=1)
    mean, std = targeted_prior(u, 10, 1 / n)
    for logvar in (-10.0, -2.0, 0.0, 2.0):
        logvar = torch.full_like(mu, logvar)
        ours = kl_diag_normal(mu, logvar, mean, std)
        reference = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(mean, std))
        worst = ((ours - reference).abs() / reference.clamp(min=1)).max()
        print(f"n = {n}, logvar = {float(logvar[0, 0])}: worst difference {worst:.1e}")
        assert ours.shape == (64, 10)
        assert worst <= 1e-10


@given(st.floats(-20, 20), st.floats(-20, 10), st.floats(-20, 20), st.floats(1e-3, 1e3))
def test_is_never_negative(mu, logvar, mean, std):
    mu, logvar = torch.tensor([mu], dtype=torch.float64), torch.tensor([logvar], dtype=torch.float64)
    assert kl_diag_normal(mu, logvar, mean, std) >= -1e-12


def test_is_zero_only_at_the_prior():
    u = normal(8, 3)
    mean, std = targeted_prior(u, 3, 1 / 100)
    logvar = torch.full_like(u, -math.log(100))
    assert kl_diag_normal(u, logvar, mean, std).abs().max() <= 1e-12
    assert (kl_diag_normal(u + 1e-3, logvar, mean, std) > 1e-7).all()
    assert (kl_diag_normal(u, logvar + 1e-2, mean, std) > 1e-7).all()


def test_by_hand_and_additive_over_latents():
    mu, logvar = torch.ones(1, 5), torch.zeros(1, 5)
    assert kl_diag_normal(mu, logvar).sum() == 2.5
    assert kl_diag_normal(mu.repeat(1, 2), logvar.repeat(1, 2)).sum() == 5.0


def test_is_exact_near_collapse_in_float32():
    r = 1e-3
    exact = 0.5 * (math.expm1(r) - r)
    ours = kl_diag_normal(torch.zeros(1), torch.full((1,), r))
    assert float(ours) == pytest.approx(exact, rel=1e-3)


def test_monte_carlo_agrees_within_its_own_error():
    mu, logvar = normal(4, 3), normal(4, 3, seed=1)
    mean, std = targeted_prior(normal(4, 2, seed=2), 3, 0.5)
    estimate = kl_monte_carlo(mu, logvar, mean, std, samples=20000, generator=torch.Generator().manual_seed(3))
    pulls = (estimate.value - kl_diag_normal(mu, logvar, mean, std)) / estimate.error
    assert pulls.abs().max() < 4
    assert 0.4 < pulls.std() < 2


def test_aggregate_kl_of_one_image_is_the_closed_form():
    mu, logvar = normal(1, 3).repeat(400, 1), normal(1, 3, seed=1).repeat(400, 1)
    estimate = aggregate_kl(mu, logvar, 0.0, 1.0, samples=20, generator=torch.Generator().manual_seed(2))
    assert abs(float(estimate.value - kl_diag_normal(mu[0], logvar[0]).sum())) < 4 * float(estimate.error)


def test_aggregate_kl_scatters_by_its_own_error():
    mu, logvar = normal(50, 2), normal(50, 2, seed=1)
    runs = [aggregate_kl(mu, logvar, 0.5, 2.0, generator=torch.Generator().manual_seed(seed)) for seed in range(200)]
    value, error = torch.stack([run.value for run in runs]), torch.stack([run.error for run in runs])
    assert float(value.std() / error.mean()) == pytest.approx(1, abs=0.2)


def test_aggregate_kl_is_zero_when_posteriors_are_the_priors():
    u = normal(200, 2)
    mean, std = targeted_prior(u, 4, 1 / 200)
    estimate = aggregate_kl(
        mean, (2 * std.log()).expand_as(mean), mean, std, generator=torch.Generator().manual_seed(0)
    )
    assert abs(float(estimate.value)) < 1e-10


def test_aggregate_kl_is_below_the_mean_kl_of_single_images():
    mu, logvar = normal(300, 2), torch.full((300, 2), -2.0, dtype=torch.float64)
    estimate = aggregate_kl(mu, logvar, 0.0, 1.0, generator=torch.Generator().manual_seed(1))
    assert -0.1 < float(estimate.value) < float(kl_diag_normal(mu, logvar).sum(1).mean())


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="one shape"):
        kl_diag_normal(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(ValueError, match="minimum of -0.69. Did you pass a log-variance"):
        kl_diag_normal(torch.zeros(2), torch.zeros(2), prior_std=-0.69)
