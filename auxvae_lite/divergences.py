r"""Divergences between posterior and prior: the closed form, its Monte-Carlo check, and the aggregate posterior's."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .priors import population_prior, targeted_prior

__all__ = ["Estimate", "aggregate_kl", "kl_diag_normal", "kl_monte_carlo", "kl_partial"]


class Estimate(NamedTuple):
    """A Monte-Carlo estimate in nats, with its standard error; tensors of equal shape."""

    value: Tensor
    error: Tensor


def kl_diag_normal(mu, logvar, prior_mean=0.0, prior_std=1.0):
    r"""KL of a diagonal Gaussian from a diagonal Gaussian prior, per coordinate.

    .. math:: \mathrm{KL}_j = \tfrac12\left(e^{r_j} - 1 - r_j
              + (\mu_j-\mu_{0,j})^2/s_{0,j}^2\right),
              \quad r_j = \log\sigma_j^2 - \log s_{0,j}^2

    Arguments:
        mu: Posterior mean, shape (..., d), in latent units.
        logvar: Posterior log-variance, shape (..., d).
        prior_mean: Prior mean, a float or broadcastable to (..., d).
        prior_std: Prior standard deviation, above 0 (no variance, no log), likewise.

    Returns:
        Divergence of each coordinate in nats, shape (..., d), never negative up to
        rounding. Nothing is summed.

    Raises:
        ValueError: if `mu` and `logvar` differ in shape, or `prior_std` is not above 0.

    Example:
        >>> kl_diag_normal(torch.ones(1, 5), torch.zeros(1, 5)).sum()
        tensor(2.5000)

    References:
        Eq. 4 of arXiv 2507.00298; derived in chapter 3. `expm1` keeps digits near r = 0.
    """
    prior_std = torch.as_tensor(prior_std, dtype=mu.dtype, device=mu.device)
    _check_shapes(mu, logvar, prior_std)
    r = logvar - 2 * prior_std.log()
    return 0.5 * (torch.expm1(r) - r + ((mu - prior_mean) / prior_std) ** 2)


def kl_partial(mu, logvar, u, known, variance):
    r"""KL where some factors are not told, or told with errors, per coordinate.

    .. math:: \frac{w_j}{\bar w_j}\, \mathrm{KL}\bigl(q_j \,\|\, \mathcal N(u_j, 1/n)\bigr)
              + (1 - w_j)\, \mathrm{KL}\bigl(q_j \,\|\, \mathcal N(m_j, 1/n + \tau_j^2)\bigr)

    A value is believed with the weight w, between 1, told exactly, and 0, not told. The
    first term's sum over rows is an unbiased estimate of what it would be if all rows
    were told, since values are missing by chance: a row of weight w stands for 1/mean(w)
    rows. Without that factor the few labels are outvoted by the many images.

    Arguments:
        mu, logvar: Posterior, shape (B, d).
        u: Scaled factors, shape (B, G), anything where they are not told.
        known: `Knowledge` of the rows.
        variance: Prior variance of z_aux.

    Returns:
        Shape (B, d), in nats; free latents as in `kl_diag_normal`.

    References:
        Horvitz and Thompson 1952 for the weights; chapter 12.
    """
    G, d = u.shape[1], mu.shape[1]
    w = known.weight
    told = kl_diag_normal(mu, logvar, *targeted_prior(torch.where(w > 0, u, known.mean), d, variance))
    general = kl_diag_normal(mu, logvar, *population_prior(known, d, variance))
    guided = torch.where(w > 0, w / known.share, 0) * told[:, :G] + (1 - w) * general[:, :G]
    return torch.cat([guided, told[:, G:]], dim=1)


def kl_monte_carlo(mu, logvar, prior_mean=0.0, prior_std=1.0, samples=1000, generator=None):
    r"""The same divergence estimated as the mean of log q(z) - log p(z) over samples of q.

    Arguments:
        mu, logvar, prior_mean, prior_std: As in `kl_diag_normal`.
        samples: Number of samples, at least 2; the error falls as its inverse square root.
        generator: `torch.Generator` of the samples.

    Returns:
        `Estimate` of shape (..., d), per coordinate.

    References:
        Chapter 3, the check of Eq. 4.
    """
    prior_std = torch.as_tensor(prior_std, dtype=mu.dtype, device=mu.device)
    _check_shapes(mu, logvar, prior_std)
    z = _draw(mu.expand(samples, *mu.shape), logvar, generator)
    ratio = _log_normal(z, mu, 0.5 * logvar) - _log_normal(z, prior_mean, prior_std.log())
    return Estimate(ratio.mean(0), ratio.std(0) / math.sqrt(samples))


def aggregate_kl(mu, logvar, prior_mean, prior_std, samples=1, generator=None):
    r"""KL of the aggregate posterior from the aggregate prior, estimated.

    .. math:: q(z) = \frac1N\sum_i q(z|x_i),\qquad p(z) = \frac1N\sum_i p(z|u_i),\qquad
              \mathrm{KL} \approx \operatorname{mean}_{z \sim q}\,[\log q(z) - \log p(z)]

    Both mixtures are those of the N given images, evaluated in full; the divergence of
    the underlying populations differs from theirs by an amount that falls with N
    (chapter 3). Time and memory grow as N^2 d.

    Arguments:
        mu: Posterior means, shape (N, d).
        logvar: Posterior log-variances, shape (N, d).
        prior_mean: Shape (N, d): `targeted_prior(u, ...).mean`; or a float, and p(z) is
            one Gaussian.
        prior_std: Above 0, a float or shape (d,).
        samples: Draws of z per image.
        generator: `torch.Generator` of the draws.

    Returns:
        `Estimate` with scalars, in nats, summed over the latents; the error is that of
        sampling z alone.

    References:
        Eq. 5 of arXiv 2507.00298, which the paper calls intractable; chapter 3.
    """
    like = {"dtype": mu.dtype, "device": mu.device}
    prior_std = torch.as_tensor(prior_std, **like)
    _check_shapes(mu, logvar, prior_std)
    prior_mean = torch.as_tensor(prior_mean, **like).expand_as(mu)
    prior = prior_mean, prior_std.log().expand_as(mu)
    ratios = []
    for _ in range(samples):
        z = _draw(mu, logvar, generator)
        ratios.append(_log_mixture(z, mu, 0.5 * logvar) - _log_mixture(z, *prior))
    ratio = torch.cat(ratios)
    return Estimate(ratio.mean(), ratio.std() / math.sqrt(len(ratio)))


def _check_shapes(mu, logvar, prior_std):
    if mu.shape != logvar.shape:
        raise ValueError(f"mu and logvar must have one shape, got {tuple(mu.shape)} and {tuple(logvar.shape)}")
    if not (prior_std > 0).all():
        raise ValueError(
            f"prior_std must be above 0, got a minimum of {float(prior_std.min()):g}. Did you pass a log-variance?"
        )


def _draw(mu, logvar, generator):
    return mu + (0.5 * logvar).exp() * torch.randn(mu.shape, dtype=mu.dtype, generator=generator)


def _log_normal(z, mean, log_std):
    return -0.5 * math.log(2 * math.pi) - log_std - 0.5 * ((z - mean) * torch.exp(-log_std)) ** 2


def _log_mixture(z, means, log_stds):
    parts = _log_normal(z[:, None], means[None], log_stds[None]).sum(-1)  # (M, N)
    return parts.logsumexp(1) - math.log(len(means))
