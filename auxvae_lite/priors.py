r"""The targeted prior: the first K latents expect the known factors, the others expect noise."""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Prior", "targeted_prior"]


class Prior(NamedTuple):
    """A diagonal Gaussian per image: `mean` of shape (B, d), `std` of shape (d,), both in latent units."""

    mean: Tensor
    std: Tensor


def targeted_prior(u, latent_dim, variance):
    r"""The prior of z given the factors, diagonal and Gaussian.

    .. math:: p(z|u) = \prod_{j \le K} \mathcal N(z_j;\, u_j,\, 1/n)\;
              \prod_{j > K} \mathcal N(z_j;\, 0,\, 1)

    Arguments:
        u: Scaled factors, shape (B, K); K = 0 gives the standard normal prior of a VAE.
        latent_dim: Number of latents d, at least K. With d = K there is no z_recon.
        variance: Prior variance of z_aux, above 0. In the paper it is 1/n, n the number
            of training images.

    Returns:
        `Prior` with mean (B, d) and std (d,).

    Raises:
        ValueError: for fewer latents than factors, and for a variance not above 0.

    Example:
        >>> u = torch.tensor([[0.5, -1.0]])
        >>> prior = targeted_prior(u, latent_dim=3, variance=1 / 100)
        >>> prior.mean
        tensor([[ 0.5000, -1.0000,  0.0000]])
        >>> prior.std
        tensor([0.1000, 0.1000, 1.0000])

    References:
        Eq. 3 of arXiv 2507.00298; derived in chapter 2.
    """
    B, K = u.shape  # batch, factors
    if latent_dim < K:
        given = f"got {latent_dim} latents for {K} factors"
        raise ValueError(f"latent_dim must be at least the number of factors, {given}")
    if not variance > 0:
        given = f"got {variance}. Did you pass a log-variance?"
        raise ValueError(f"variance must be above 0, {given}")
    mean = torch.cat([u, u.new_zeros(B, latent_dim - K)], dim=1)
    std = torch.cat([u.new_full((K,), variance**0.5), u.new_ones(latent_dim - K)])
    return Prior(mean, std)
