r"""The targeted prior: the first K latents expect the known factors, the others expect noise."""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Knowledge", "Prior", "population_prior", "targeted_prior"]


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


class Knowledge(NamedTuple):
    """What is known of each row's factors beside their values, in scaled units; columns as in u.

    Arguments:
        weight: Shape (B, G): how far a row's value is believed, 1 where it is exact, 0 where it is not told.
        mean, variance: Shape (G,), of the population.
        share: Shape (G,), the mean weight of the rows as they are drawn, above 0.
        owners: The number of the factor that each column belongs to, or None if each is one.
    """

    weight: Tensor
    mean: Tensor
    variance: Tensor
    share: Tensor
    owners: tuple | None = None

    def rows(self, index, device="cpu"):
        """The same of some rows, on a device."""
        return Knowledge(*(t.to(device) for t in (self.weight[index], *self[1:4])), self.owners)


def population_prior(known, latent_dim, variance):
    r"""The prior of z where no factor is told: what Eq. 3 is on average over the population.

    .. math:: p(z) = \prod_{j \le G} \mathcal N\bigl(z_j;\, m_j,\, 1/n + \tau_j^2\bigr)
              \prod_{j > G} \mathcal N(z_j;\, 0,\, 1)

    It is exact for a normal population of mean m and variance tau^2. For a uniform one
    the normal costs .18 nats a latent at most.

    Arguments:
        known: `Knowledge`.
        latent_dim, variance: As in `targeted_prior`.

    Returns:
        `Prior` with mean (1, d) and std (d,).

    Raises:
        ValueError: as `targeted_prior` does.

    References:
        Chapter 12.
    """
    mean, std = targeted_prior(known.mean[None], latent_dim, variance)
    guided = (known.variance.double() + variance).sqrt().to(std)
    return Prior(mean, torch.cat([guided, std[len(guided) :]]))
