r"""Labels that are missing or noisy, made from data that have all of them, to see what a model makes of the rest."""

import numpy as np

from .. import labels, training

__all__ = ["blur", "hide", "plain_terms", "true_scores"]


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


def blur(data, error, seed, said=True):
    """The same images with noisy factors.

    Arguments:
        data: A `FactorDataset` of numbers.
        error: Standard deviation of the noise, in those of each factor.
        seed: Of the noise.
        said: Whether the new data know their `factor_std`.

    Returns:
        A new `FactorDataset`.
    """
    noise = error * data.factors.std(0)
    noisy = data.rows(slice(None))
    noisy.factors += noise * np.random.default_rng(seed).standard_normal(noisy.factors.shape)
    noisy.factor_std = np.broadcast_to(noise, noisy.factors.shape).copy() if said else None
    return noisy


def plain_terms(config, output, x, u, prior_variance, known=None):
    """`training.terms` without the weight of told rows: the bound itself, for data that tell some factors."""
    known = None if known is None else known._replace(share=known.share.new_ones(known.share.shape))
    return training.terms(config, output, x, u, prior_variance, known)


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
