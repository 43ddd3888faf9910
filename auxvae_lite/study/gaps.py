r"""Labels that are missing or noisy, made from data that have all of them, to see what a model makes of the rest."""

import numpy as np
import torch

from .. import labels, training
from ..divergences import kl_diag_normal
from ..priors import targeted_prior

__all__ = ["blur", "hide", "plain_terms", "true_scores", "wide_terms"]


def hide(data, share, seed, together=True):
    """The same images, of which only some tell their factors.

    Arguments:
        data: A `FactorDataset` that tells all.
        share: Of the rows that tell, above 0; which they are is chance, whatever the image.
        seed: Of the choice.
        together: Whether a row tells all factors or none; else each factor has rows of its own.

    Returns:
        A new `FactorDataset`.
    """
    rng, count = np.random.default_rng(seed), round(share * len(data))
    hidden = data.rows(slice(None))
    told = np.zeros(hidden.factors.shape, bool)
    rows = rng.permutation(len(data))[:count]
    for k in range(told.shape[1]):
        told[rows if together else rng.permutation(len(data))[:count], k] = True
    hidden.factors[~told] = np.nan
    return hidden


def blur(data, error, seed, said=True, unequal=False):
    """The same images with noisy factors.

    Arguments:
        data: A `FactorDataset` of numbers.
        error: Standard deviation of the noise, in those of each factor.
        seed: Of the noise.
        said: Whether the new data know their `factor_std`.
        unequal: Whether each value has an error of its own; its square is exponential, with mean error^2.

    Returns:
        A new `FactorDataset`.
    """
    rng, noisy = np.random.default_rng(seed), data.rows(slice(None))
    shape = noisy.factors.shape
    std = error * data.factors.std(0) * np.sqrt(rng.exponential(size=shape) if unequal else np.ones(shape))
    noisy.factors += std * rng.standard_normal(shape)
    noisy.factor_std = std if said else None
    return noisy


def plain_terms(config, output, x, u, prior_variance, known=None):
    """`training.terms` without the weight of told rows: the bound itself, for data that tell some factors."""
    known = None if known is None else known._replace(share=known.share.new_ones(known.share.shape))
    return training.terms(config, output, x, u, prior_variance, known)


def wide_terms(config, output, x, u, prior_variance, known=None):
    r"""`training.terms` with a prior as wide as a label's error, in place of a weight.

    .. math:: p(z|y) = \mathcal N\Bigl(m + b\,(y - m),\; \frac1n + \tau^2 (1 - b)\Bigr), \qquad
              b = \frac{\tau^2}{\tau^2 + s^2}

    which is Eq. 3 around each factor that may be behind a label y = u + e, averaged over them.
    """
    parts = training.terms(config, output, x, u, prior_variance, known)
    if known is None:
        return parts
    mu, logvar = output.posterior
    believed = 1 / (1 + labels.SHARP**2 * (1 / known.weight - 1))  # b, from the weight that says s
    mean, std = targeted_prior(known.mean + believed * (u - known.mean), mu.shape[1], prior_variance)
    wide = (prior_variance + known.variance * (1 - believed)).sqrt()
    kl = kl_diag_normal(mu, logvar, mean, torch.cat([wide, std[u.shape[1] :].expand(len(u), -1)], dim=1))
    return parts._replace(kl=kl.sum(1).mean())


def true_scores(model, validation, test):
    """How near `AuxVAE.predict` is to the true factors, and whether it knows: scores beside `training.evaluate`'s.

    Arguments:
        model: Whose `residuals` are measured on the validation rows, and kept.
        validation: `FactorDataset` with labels as the training rows have them.
        test: `FactorDataset` with the true factors, all of them numbers.

    Returns:
        Dictionary of floats: `slope_NAME`, of the regression of what is predicted on the truth, 1 if nothing is pulled
        to the middle; `error_NAME`, the root mean square of prediction less truth, in the factor's sd; `claimed_NAME`,
        what the model says that it is.
    """
    scores, sd = {}, dict(zip(test.names, test.factors.std(0), strict=True))
    model.residuals = labels.residuals(model, validation)
    for name, found in model.predict(test.images).items():
        truth = test.columns([name])[:, 0]
        scores[f"slope_{name}"] = float(np.polyfit(truth, found.value, 1)[0])
        scores[f"error_{name}"] = float(np.sqrt(np.mean((found.value - truth) ** 2)) / sd[name])
        scores[f"claimed_{name}"] = float(found.std / sd[name])
    return scores
