"""The targeted prior, Eq. 3."""

import pytest
import torch

from auxvae_lite.priors import targeted_prior

U = torch.tensor([[0.5, -1.0], [2.0, 0.0]], dtype=torch.float64)


def test_guided_latents_expect_the_factors_and_free_ones_expect_noise():
    mean, std = targeted_prior(U, latent_dim=5, variance=1 / 11468)
    assert torch.equal(mean[:, :2], U) and (mean[:, 2:] == 0).all()
    torch.testing.assert_close(std**2, torch.tensor([1 / 11468, 1 / 11468, 1, 1, 1], dtype=torch.float64))


def test_no_free_latents_and_no_factors_both_work():
    assert targeted_prior(U, latent_dim=2, variance=0.1).mean.shape == (2, 2)
    mean, std = targeted_prior(U[:, :0], latent_dim=3, variance=0.1)
    assert mean.shape == (2, 3) and (mean == 0).all() and (std == 1).all()


def test_impossible_priors_are_refused():
    with pytest.raises(ValueError, match="got 1 latents for 2 factors"):
        targeted_prior(U, latent_dim=1, variance=0.1)
    for variance in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="variance must be above 0"):
            targeted_prior(U, latent_dim=2, variance=variance)
