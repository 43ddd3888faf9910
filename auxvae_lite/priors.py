r"""The targeted prior: the first K latents expect the known factors, the others expect noise."""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Knowledge", "Prior", "partial_prior", "targeted_prior"]


class Prior(NamedTuple):
    """A diagonal Gaussian per image: `mean` (B, d), `std` (d,) or (B, d), both in latent units."""

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
        weight: Shape (B, G): 1 where the value is exact, 0 where it is not told, between where it has an error.
        variance: Shape (B, G): what the value leaves open of the factor; 0 where it is exact.
        mean: Shape (G,), of the population.
        share: Shape (G,), the share of the rows, as they are drawn, that tell it.
        owners: The number of the factor that each column belongs to, or None if each is one.
    """

    weight: Tensor
    variance: Tensor
    mean: Tensor
    share: Tensor
    owners: tuple | None = None

    def rows(self, index, device="cpu"):
        """The same of some rows, on a device."""
        rows = self._replace(weight=self.weight[index], variance=self.variance[index])
        return Knowledge(*(tensor.to(device) for tensor in rows[:4]), self.owners)


def partial_prior(u, latent_dim, variance, known):
    r"""The prior of z where some factors have errors, or are not told.

    .. math:: p(z_j|y_j) = \mathcal N\bigl(m_j + w_j (y_j - m_j),\; 1/n + t_j\bigr), \qquad
              w = \frac{\tau^2}{\tau^2 + s^2}, \quad t = \tau^2 (1 - w)

    A factor u of a population of mean m and variance tau^2, seen as y = u + e with an
    error of variance s^2, has the mean m + w (y - m) and the variance t. Eq. 3 around
    each such u, averaged over them, is the prior above. It is Eq. 3 itself where s = 0,
    and the population's N(m, 1/n + tau^2) as s grows or where nothing is told: w = 0.

    Arguments:
        u: Scaled factors, shape (B, G), anything where they are not told.
        latent_dim, variance: As in `targeted_prior`.
        known: `Knowledge` of the rows.

    Returns:
        `Prior` with mean and std of shape (B, d).

    Raises:
        ValueError: as `targeted_prior` does.

    Example:
        >>> u, one = torch.tensor([[2.0], [2.0], [2.0]]), torch.ones(1)
        >>> w = torch.tensor([[1.0], [0.8], [0.0]])  # exact, an error of half a spread, not told
        >>> known = Knowledge(w, 1 - w, 0 * one, one)
        >>> prior = partial_prior(u, 1, variance=0.01, known=known)
        >>> prior.mean.T, prior.std.T.round(decimals=2)
        (tensor([[2.0000, 1.6000, 0.0000]]), tensor([[0.1000, 0.4600, 1.0000]]))

    References:
        Chapter 12. Kelly 2007 for errors in factors; the flat prior, N(y, 1/n + s^2),
        would pull a noisy value's latent too far out.
    """
    y = torch.where(known.weight > 0, u, known.mean)
    mean, std = targeted_prior(y + (1 - known.weight) * (known.mean - y), latent_dim, variance)
    K = u.shape[1]
    guided = (known.variance.double() + variance).sqrt().to(std)
    return Prior(mean, torch.cat([guided, std[K:].expand(len(u), -1)], dim=1))
