r"""Scores from information, for the codes of any model: InfoMEC, and minimality with sufficiency.

Both start from one table, I(z_j; u_k): the nats that each code tells of each factor. The second stays meaningful where
factors depend on each other; the first, like LDS, SAP and MIG, does not.
"""

import warnings
from typing import NamedTuple

import numpy as np

from .arrays import constant
from .cautions import warn
from .metrics import CLASSES, _checked, _classes, _entropy, _nearest, _standardised, _table, _values

__all__ = ["InfoMEC", "MinimalitySufficiency", "infomec", "minimality_sufficiency"]

NEIGHBOURS = 10  # of the InfoMEC authors' estimate
STEPS = 100  # of the logistic regression, at most; theirs, too
KNOWS = 0.3  # the share of a factor beyond which a code that is left out is worth a warning


class InfoMEC(NamedTuple):
    """Modularity, explicitness and compactness; read the first and the last beside the second."""

    modularity: float
    explicitness: float
    compactness: float


def infomec(z, u, estimator="nearest", bins=20, levels=10, prune=0.05):
    r"""Modularity, explicitness and compactness, each a share of information.

    .. math:: N_{jk} = \frac{I(z_j; c_k)}{H(c_k)}, \qquad
              M = \frac{\frac1d \sum_j \frac{\max_k N_{jk}}{\sum_k N_{jk}} - \frac1K}{1 - \frac1K}, \qquad
              C = \frac{\frac1K \sum_k \frac{\max_j N_{jk}}{\sum_j N_{jk}} - \frac1d}{1 - \frac1d}

    M asks whether each code tells of one factor, C whether each factor is told by one code. Explicitness asks how much
    linear models read from all codes together, as a share of what there is: for a discrete factor
    1 - (cross-entropy of a logistic regression) / H(c_k), for a continuous one the R^2 of a least-squares line. The
    models are fitted and scored on the same rows, without a penalty, the logistic one in at most 100 steps.

    Codes that do not move are left out; of the others, M and C count those whose max - min is above `prune` times the
    largest: so they depend on the codes' scales. A warning says when that leaves out a code that knows a factor.

    A perfect code has 1, 1, 1. When it misleads: noise has an explicitness near 0, but with "nearest", which makes many
    of its small numbers 0, a modularity and compactness anywhere from .2 to .8, and with "bins" near .03 (n = 10,000).
    So these two say nothing without explicitness. With few rows explicitness is too high: d linear columns seem to
    explain d/n of anything. Free codes that hold noise lower modularity, as codes that serve no factor in particular.
    If factors depend on each other, a perfect code of one tells of the others, and modularity and compactness fall:
    take `minimality_sufficiency`.

    Arguments:
        z: Codes, shape (n, d).
        u: Factors, shape (n, K). One with at most 64 values, five rows or more to each, is discrete; another is cut
            into `levels` equal-width classes c_k, as in `metrics.mig`.
        estimator: "nearest", by 10 nearest neighbours of the uncut code, the authors' choice for continuous codes: two
            seconds for 10,000 rows, 10 codes and 5 factors; or "bins", the plug-in estimate from the table of counts,
            theirs for quantised codes: a fifth of a second at most.
        bins: Equal-width bins of a code, with "bins"; a code with no more values than that keeps them.
        levels: Classes of a continuous factor.
        prune: Share of the largest max - min, in [0, 1). Take 0 if the scales of your codes mean nothing.

    Returns:
        `InfoMEC`, three numbers in [0, 1]. Where there is one factor M is 1 if anything is told, and where there is one
        code C is. All are 0 if no code moves.

    Raises:
        ValueError: for fewer than 3 rows, 2 bins or 2 levels, unequal rows, no factors or codes, a constant factor,
            NaN, an unknown estimator, or `prune` outside [0, 1).

    Example:
        >>> u = np.random.default_rng(0).integers(0, 2, (400, 2))
        >>> [round(score, 2) for score in infomec(u, u, "bins")]
        [1.0, 1.0, 1.0]

    References:
        Hsu et al. 2023, arXiv 2305.18378; their program gives rare classes more weight in the logistic regression, so
        its explicitness differs where classes are unequal, and takes quantised codes as classes there, too. Ross 2014
        for the neighbours; chapter 7.
    """
    z, u = _checked(z, u)
    if min(bins, levels) < 2:
        raise ValueError(f"one class tells nothing: bins and levels must be at least 2, got {bins} and {levels}")
    if estimator not in ("nearest", "bins"):
        raise ValueError(f'estimator must be "nearest" or "bins", got {estimator!r}')
    if not 0 <= prune < 1:
        raise ValueError(f"prune must be a share from 0 to below 1, got {prune}; 0 keeps every code that moves")
    live = np.flatnonzero(~constant(z))
    if not len(live):
        return InfoMEC(0.0, 0.0, 0.0)
    z, most = np.ascontiguousarray(z[:, live]), min(CLASSES, len(u) // 5)
    factors = [_classes(column, levels, keep=most) for column in u.T]
    if estimator == "bins":
        table = _table([_classes(column, bins, keep=bins) for column in z.T], factors)
    else:
        table = _nearest(z, factors, NEIGHBOURS)
    told = _shares(table, factors)
    reach = np.ptp(z / np.abs(z).max(), axis=0)  # no difference overflows, no smallest number is lost
    active = reach > prune * reach.max()
    if (lost := live[~active & (told.max(1) > KNOWS)]).size:
        warn(f"codes {lost.tolist()} tell of factors but hardly move beside the largest: write prune=0 to count them")
    read = [_read(_standardised(z), y, factor, most) for y, factor in zip(u.T, factors, strict=True)]
    return InfoMEC(_concentration(told[active]), float(np.mean(read)), _concentration(told[active].T))


def _shares(table, factors):
    """A table (d, K) over the entropies of its K factors; 0 where a factor's values differ by rounding only."""
    entropies = np.array([_entropy(factor) for factor in factors])
    return np.where(entropies > 0, table / np.where(entropies > 0, entropies, 1), 0)


def _concentration(rows):
    """Mean over rows of the largest entry's share of the sum, from 0 for equal entries to 1 for one alone."""
    total, width = rows.sum(1), rows.shape[1]
    if width == 1:
        return float(total.any())
    part = np.where(total > 0, rows.max(1) / np.where(total > 0, total, 1), 1 / width)
    return max(0.0, float((part.mean() - 1 / width) / (1 - 1 / width)))  # a rounding below 0 is 0


def _read(z, y, classes, most):
    """The share of a factor that a linear model reads from all codes, on the rows that it was fitted on."""
    if _values(y, most) is None:
        y = _standardised(y[:, None])
        return max(0.0, 1 - np.mean((y - z @ np.linalg.lstsq(z, y, rcond=None)[0]) ** 2))
    if not classes.any():
        return 0.0
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    with warnings.catch_warnings():
        # Classes that codes separate have no best slopes: where the steps end is a little below the share.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=np.inf, max_iter=STEPS).fit(z, classes)
    return max(0.0, 1 - log_loss(classes, model.predict_proba(z)) / _entropy(classes))


class MinimalitySufficiency(NamedTuple):
    """Whether codes hold nothing but a factor, and whether factors are held whole by a code."""

    minimality: float
    sufficiency: float


def minimality_sufficiency(z, u, bins=15):
    r"""Minimality and sufficiency: two shares of information that need no independent factors.

    .. math:: \mathrm{minimality} = \frac1d \sum_j \max_k \frac{I(z_j; u_k)}{H(z_j)}, \qquad
              \mathrm{sufficiency} = \frac1K \sum_k \max_j \frac{I(z_j; u_k)}{H(u_k)}

    A code is minimal for a factor if it holds nothing else; it is sufficient if the factor can be read off it. A code
    that equals its factor is both, and the other codes are not asked: so it has 1 and 1 however strongly the factors
    correlate, where LDS, SAP and MIG count what the other codes know through the correlation as a fault.

    The definition has I(z_j; x) below the first bar, of the code with the image. A code is a function of its image, so
    that this is the code's own entropy. All three are counted from tables of classes, as the authors' program does; no
    regression is fitted.

    When it misleads. Every code that moves is asked to be minimal: five free codes beside five perfect ones make
    minimality .5, so give the guided codes, `z[:, :K]`, and leave collapsed ones out. Two copies of a factor cost
    nothing. If factors correlate strongly, one code nearly suffices for two of them: compare with the value that the
    factors themselves have with a column replaced by another. Classes are of equal width, so a few distant rows or a
    bent scale can hide a perfect code (e^2u of normal factors has a sufficiency of .02): give ranks of `z` and of `u`,
    `scipy.stats.rankdata(z, axis=0)`, if order is what counts.

    Arguments:
        z: Codes, shape (n, d).
        u: Factors, shape (n, K), that may depend on each other.
        bins: Equal-width classes of a code and of a factor; a column with no more values than that keeps them.

    Returns:
        `MinimalitySufficiency`, both in [0, 1]; 1 for a perfect code. For noise both are a little above what unrelated
        columns seem to share, (bins - 1)^2 / (2 n ln bins): .004 for n = 10,000, but .36 for n = 100. Both are 0 if no
        code moves. It takes a fiftieth of a second for 10,000 rows, 10 codes and 5 factors.

    Raises:
        ValueError: for fewer than 3 rows, 2 bins, unequal rows, no factors or codes, a constant factor, or NaN.

    Example:
        >>> u = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 2000)
        >>> [round(score, 2) for score in minimality_sufficiency(u, u)]
        [1.0, 1.0]

    References:
        Almudevar & Ortega, arXiv 2408.07016, and their program; chapter 7.
    """
    z, u = _checked(z, u)
    if bins < 2:
        raise ValueError(f"one class tells nothing: bins must be at least 2, got {bins}")
    codes, factors = ([_classes(column, bins, keep=bins) for column in a.T] for a in (z[:, ~constant(z)], u))
    if not codes:
        return MinimalitySufficiency(0.0, 0.0)
    table = _table(codes, factors)
    held, told = _shares(table.T, codes), _shares(table, factors)
    return MinimalitySufficiency(*(min(1.0, float(best.max(0).mean())) for best in (held, told)))  # but for rounding
