"""What each row is told of its factors: all of them exactly, some with errors, some not at all.

`fit` asks here what a factor's prior is (`divergences.kl_partial`), and how far `AuxVAE.predict` is off.
"""

import math

import numpy as np
import torch

from . import factors
from .priors import Knowledge

__all__ = ["draw", "draws", "frequencies", "knowledge", "own", "partly", "population", "residuals"]

SHARP = 0.3  # of a factor's spread: how well an image is taken to tell it, beside a label with an error


def partly(data, names):
    """Whether some factor is not told, or has an error."""
    if data.factor_std is not None and data.factor_std[:, data.places(names)].any():
        return True
    return bool(np.isnan(data.columns(names)).any())


def own(model, data):
    """The model's factors of some data, in their own units, shape (n, K), float64, on the CPU."""
    return torch.from_numpy(data.columns_as(model.factors, model.kinds))


def errors(model, data):
    """Standard errors of the model's factors, in their units, (n, K)."""
    if data.factor_std is None:
        return np.zeros((len(data), len(model.factors)))
    return data.factor_std[:, data.places(model.factors)]


def population(model, data):
    """Mean and variance of each scaled column, less what is error.

    Raises:
        ValueError: where errors are as large as a factor's spread, or no row tells a factor.
    """
    u, s = model.guide(own(model, data)).double().numpy(), errors(model, data)
    told = ~np.isnan(u)
    for k, (_, place) in _each(model):
        if not told[:, place].any():
            raise ValueError(f"factor {model.factors[k]!r} is told in no row, so nothing is known of its population")
    mean, variance = np.nanmean(u, axis=0), np.nanvar(u, axis=0)
    for k, (kind, place) in _each(model):
        if kind == factors.Kind() and s[:, k].any():
            variance[place] -= np.mean(s[told[:, place.start], k] ** 2) / _scale(model)[place] ** 2
            if not variance[place] > 0:
                raise ValueError(
                    f"the errors of {model.factors[k]!r} are as large as its spread, so that nothing is left of it: "
                    "factor_std is a standard deviation, in the factor's own unit"
                )
    return {"mean": mean.tolist(), "variance": variance.tolist()}


def draws(told, least=0.5):
    """How often each row is to be drawn, so that enough of the draws tell each factor.

    The rows that tell a rare factor are raised until they do (iterative proportional fitting, which changes the others'
    proportions as little as it can), or, where that cannot be, until the rarest are told alike. An epoch of few labels
    then has batches with enough of them for a correlation, and a KL whose weight is near 1.

    Arguments:
        told: Booleans, shape (n, K); each factor is told in some row.
        least: Share of the draws that tell each factor, or more.

    Returns:
        Shape (n,), of sum 1; None where each factor is told often enough.

    Example:
        >>> draws(np.array([[True], [False], [False], [False]])).round(2)
        array([0.5 , 0.17, 0.17, 0.17])

    References:
        Deming and Stephan 1940 for the fitting; chapter 12.
    """
    share, tried = np.full(len(told), 1 / len(told)), []
    for _ in range(100):
        covered = share @ told
        rare = int(covered.argmin())
        if covered[rare] >= least - 1e-6:
            break
        share = np.where(told[:, rare], share * least / covered[rare], share * (1 - least) / (1 - covered[rare]))
        tried.append(share)
    else:  # factors of different rows cannot all have half: each has its turn
        share = np.mean(tried[50:], axis=0)
    return None if share.max() == share.min() else share


def draw(share, generator):
    """An epoch of n rows in random order, each row as often as its share of them says, rounded up or down by chance.

    Arguments:
        share: Shape (n,), of sum 1.
        generator: `torch.Generator`.
    """
    n = len(share)
    order = torch.randperm(n, generator=generator)
    ends = share[order].cumsum(0) * n
    places = torch.arange(n, dtype=ends.dtype) + torch.rand(1, generator=generator, dtype=ends.dtype)
    rows = order[torch.searchsorted(ends, places, right=True).clamp(max=n - 1)]
    return rows[torch.randperm(n, generator=generator)]


def knowledge(model, data, share=None):
    r"""`Knowledge` of the rows, or None where every column is a factor of its own, told and exact.

    .. math:: w = \frac{c^2}{c^2 + s^2}, \qquad c = 0.3\,\tau

    A label with the error s, in scaled units, is believed as its precision says beside that of an image, which is taken
    to tell a factor to within 0.3 of its spread tau. With errors of half a spread, unequal, that is better than equal
    weights both for a factor that images tell to 0.05 of its spread and for one that they tell to 0.55. For an angle
    with an error of s radians, exp(s^2) - 1 takes the place of s^2/tau^2.

    Arguments:
        model: With the scaling of its factors.
        data: A `FactorDataset`.
        share: How often each row is drawn, as `draws` says; None for once.

    References:
        Chapter 12, which also tries a prior that is as wide as the error: latents then drift from their factors.
    """
    owners = factors.owners(model.kinds)
    if not model.factors or owners is None and not partly(data, model.factors):
        return None
    weight, s = (~model.guide(own(model, data)).isnan()).double().numpy(), errors(model, data)
    kept = model.provenance.get("population") or population(model, data)
    mean, variance = (np.array(kept[name]) for name in ("mean", "variance"))
    for k, (kind, place) in _each(model):
        if kind.classes:  # which have no errors, and whose absent labels have no variance
            continue
        if kind.period:
            square = np.expm1((s[:, [k]] * 2 * np.pi / kind.period) ** 2)
        else:
            square = (s[:, [k]] / _scale(model)[place]) ** 2 / variance[place]
        weight[:, place] *= SHARP**2 / (SHARP**2 + square)
    covered = weight.mean(0) if share is None else share @ weight
    return Knowledge(*(torch.from_numpy(a).float() for a in (weight, mean, variance, covered)), owners)


def residuals(model, data):
    """What `AuxVAE.residuals` holds: errors of `predict` against told factors, less the errors that those have.

    Noisy labels cannot show a small error: then it is what they could show, one standard error of the difference.
    """
    columns = model.factor_scaling.inverse(model.encode(data.images).mu[:, : model.guided_dim].double())
    y, s = own(model, data), errors(model, data)
    found, off = factors.collapse(columns, model.kinds), (columns - factors.expand(y, model.kinds)).numpy()
    result = []
    for k, (kind, place) in _each(model):
        told = ~y[:, k].isnan().numpy()
        miss = off[told, place] if kind.classes else found[told, k] - y[told, k].numpy()
        if kind.period:
            miss = (miss + kind.period / 2) % kind.period - kind.period / 2
        squares = miss**2 - (s[told, k] ** 2 if not kind.classes else 0)
        least = squares.std() / math.sqrt(max(len(squares), 1)) if told.any() else None
        result.append(math.sqrt(max(squares.mean(), least)) if told.any() else None)
    return tuple(result)


def frequencies(data, name):
    """The share of each label among the rows that tell it; () if the factor is no class."""
    kind = data.kinds_like([name])[0]
    column = data.columns([name])[:, 0]
    return tuple(float(np.mean(column[~np.isnan(column)] == code)) for code in kind.codes) if kind.classes else ()


def _each(model):
    """The number of each factor, its kind, and the columns of its latents."""
    return enumerate(zip(model.kinds, factors.places(model.kinds), strict=True))


def _scale(model):
    return np.broadcast_to(model.factor_scaling.scale.numpy(), model.guided_dim)
