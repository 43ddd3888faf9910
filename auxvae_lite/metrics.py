r"""Scores on plain arrays, each with what a useless and a perfect answer would get.

No score here means much alone. SSIM is shown beside a black image, the mean image and the noiseless truth; LDS beside
its floor, its expected ceiling, the number of rows and of live latents (chapter 7).
"""

import itertools
import math
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np

from .arrays import ROUNDING, check_spread, constant, take
from .cautions import warn

__all__ = [
    "DCI",
    "LDS",
    "balanced_accuracy",
    "circular_correlation",
    "correlations",
    "dci",
    "disentanglement_completeness",
    "expected_null",
    "kurtosis",
    "lds",
    "lds_ranks",
    "mig",
    "sap",
    "ssim",
    "ssim_reference",
    "ssim_scores",
]

FEW = 300  # rows, with which trees give a perfect code a disentanglement of .84
WINDOW = 7  # pixels, scikit-image's default
FAR = 1e-6  # an sd below this, beside values near 1: the column lies far from 0
CLASSES = 64  # a factor with no more values than this is discrete; dSprites' finest factor has 40


def ssim(truth, images, data_range="image"):
    """Structural similarity of each image with its truth, as scikit-image's defaults have it.

    The window is uniform, 7x7 pixels, with sample covariances. Wang et al., and many deep-learning packages, take a
    Gaussian window of 11x11 with sd 1.5: their values differ by some hundredths.

    SSIM was made for pixels of at least 0. Where a truth image has pixels below 0, both pictures are shifted by its
    minimum, and window means that stay below 0 count as 0. There the values depart from scikit-image's, for which
    the negative of a sky-subtracted image can be more similar to it than the truth is.

    Arguments:
        truth: Shape (n, C, H, W).
        images: Shape of `truth`, or broadcastable to it.
        data_range: "image", the spread max - min of each truth image; or one number above 0 for all.

    Returns:
        Array of shape (n,), the mean over windows and channels; 1 only for equal images.

    Raises:
        ValueError: if there is no image, shapes do not fit, a side is below 7 pixels, a pixel is not finite,
            `data_range` is anything else, or an image holds one value only and so has no range of its own.

    References:
        Wang et al. 2004; chapter 7.
    """
    truth, images = _images(truth, images)
    own = isinstance(data_range, str) and data_range == "image"
    if not own and not (isinstance(data_range, Real) and 0 < data_range < math.inf):
        raise ValueError(
            f'data_range must be "image" or a number above 0, got {data_range!r}; for the whole set, its max - min'
        )
    ranges = _own_ranges(truth) if own else np.full(len(truth), float(data_range))
    return np.concatenate([_in_place(truth, part, *_moments(truth, images, part), ranges[part])
                           for part in _parts(len(truth))])  # fmt: skip


def _images(truth, images):
    """Both as finite numbers, of their own precision if that is a float's."""
    truth, images = (take(a, what, _precision(a)) for what, a in (("truth", truth), ("images", images)))
    if truth.ndim != 4 or min(truth.shape[2:]) < WINDOW or 0 in truth.shape:
        raise ValueError(f"images must have shape (n, C, H, W), at least {WINDOW} pixels a side; got {truth.shape}")
    if any(side not in (1, whole) for side, whole in zip(images.shape[::-1], truth.shape[::-1], strict=False)):
        raise ValueError(f"images of shape {images.shape} do not fit the truth's {truth.shape}")
    return truth, images


def _precision(a):
    return np.float32 if str(getattr(a, "dtype", "")).endswith("float32") else np.float64


def _own_ranges(truth):
    """Spread of each image, (n,), none of them 0."""
    ranges = np.ptp(truth, axis=(1, 2, 3))
    if not ranges.all():
        row = int(np.argmin(ranges))
        raise ValueError(f"image {row} holds one value only, so SSIM has no range for it: leave out row {row}")
    return ranges


def _in_place(truth, part, mean_x, mean_y, variances, covariance, ranges):
    """Similarity of a part, its means shifted by the minimum of each image that has pixels below 0."""
    low = np.minimum(truth[part].min((1, 2, 3)), 0).astype(np.float64)[:, None, None, None]
    mean_y = np.where(low < 0, np.maximum(mean_y - low, 0), mean_y)
    return _similarity(mean_x - low, mean_y, variances, covariance, ranges)


def _parts(n):
    return [slice(start, start + 64) for start in range(0, n, 64)]  # small enough for the processor's cache


def _moments(truth, images, part):
    """Over each window: both means, the sum of both variances, the covariance; shape (part, C, H - 6, W - 6) each."""
    x = truth[part].astype(np.float64)
    y = np.broadcast_to(images, truth.shape)[part].astype(np.float64)
    middle = x.mean((1, 2, 3), keepdims=True)
    far = np.ptp(x, axis=(1, 2, 3), keepdims=True) < 1e-3 * np.abs(middle)  # its squares would lose the spread
    middle = np.where(far, middle, 0)
    x, y = x - middle, y - middle
    rows, columns = (_window(side) for side in x.shape[2:])
    mean_x, mean_y, square, product = (rows @ (a @ columns.T) for a in (x, y, x * x + y * y, x * y))
    sample = WINDOW**2 / (WINDOW**2 - 1)
    spreads = sample * (square - mean_x**2 - mean_y**2), sample * (product - mean_x * mean_y)
    return mean_x + middle, mean_y + middle, *spreads


def _similarity(mean_x, mean_y, variances, covariance, data_range):
    c1, c2 = ((k * data_range[:, None, None, None]) ** 2 for k in (0.01, 0.03))
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    similarity /= (mean_x**2 + mean_y**2 + c1) * (variances + c2)
    return similarity.mean((1, 2, 3))


def _window(side):
    """The matrix that averages over each window of a line of pixels, shape (side - 6, side)."""
    offset = np.arange(side) - np.arange(side - WINDOW + 1)[:, None]
    return ((offset >= 0) & (offset < WINDOW)) / WINDOW


def ssim_scores(noisy, images, clean=None):
    """Mean SSIM in the book's three conventions.

    Arguments:
        noisy: The images that were encoded, shape (n, C, H, W).
        images: Their reconstructions, or any other answer; broadcastable to `noisy`.
        clean: The noiseless truth, shape of `noisy`, or None.

    Returns:
        Dictionary: `ssim_global` (all images scaled by the set's own minimum and maximum, range 1; the paper's),
        `ssim_image` (each image's own range), and `ssim_clean` (against `clean`, each image's own range) if it is
        given. Pixels below 0 are treated as `ssim` says.

    Raises:
        ValueError: as in `ssim`.
    """
    noisy, images = _images(noisy, images)
    low, high = float(noisy.min()), float(noisy.max())
    own = _own_ranges(noisy).astype(np.float64)
    sums = {"ssim_global": 0.0, "ssim_image": 0.0}
    for part in _parts(len(noisy)):
        mean_x, mean_y, *spreads = moments = _moments(noisy, images, part)
        whole = np.full(len(mean_x), high - low)
        sums["ssim_global"] += _similarity(mean_x - low, mean_y - low, *spreads, whole).sum()
        sums["ssim_image"] += _in_place(noisy, part, *moments, own[part]).sum()
    scores = {name: float(total / len(noisy)) for name, total in sums.items()}
    return scores if clean is None else scores | {"ssim_clean": float(ssim(clean, images).mean())}


def ssim_reference(noisy, clean=None):
    """What answers that know little, or all, would score: the rows beside every SSIM.

    Returns:
        Dictionary by convention, each with `black` (all zeros), `mean` (the set's mean image), and, if `clean` is
        given, `truth` (the noiseless images).
    """
    noisy, _ = _images(noisy, noisy)
    answers = {"black": np.zeros((1, *noisy.shape[1:])), "mean": noisy.mean(0, keepdims=True)}
    if clean is not None:
        answers["truth"] = clean
    rows = {answer: ssim_scores(noisy, images, clean) for answer, images in answers.items()}
    return {name: {answer: rows[answer][name] for answer in rows} for name in rows["black"]}


def correlations(z, u):
    """Pearson correlation of each column of `z` with each column of `u`.

    Arguments:
        z: Shape (n, d).
        u: Shape (n, K).

    Returns:
        Shape (d, K), in [-1, 1]; 0 for a column that is constant to rounding (`arrays.constant`).

    Raises:
        ValueError: for fewer than 2 rows, unequal rows, no factors or codes, or what is not finite, naming row and
            column.
    """
    return _rho(*_taken(z, u, 2))


def _rho(z, u):
    return _standardised(z).T @ _standardised(u) / len(z)


def circular_correlation(a, b, period):
    r"""How well one angle follows another, whatever they are counted from.

    .. math:: \rho = \frac{\sum_{i<j} \sin(a_i - a_j) \sin(b_i - b_j)}
              {\sqrt{\sum_{i<j} \sin^2(a_i - a_j)\, \sum_{i<j} \sin^2(b_i - b_j)}}

    Arguments:
        a, b: Angles, shape (n,).
        period: Of both, in their unit.

    Returns:
        A number in [-1, 1]: 1 for b = a + c, -1 for b = c - a, near 0 for independent angles; 0 if one of them is the
        same, or opposite, in all rows.

    Raises:
        ValueError: for fewer than 2 rows, unequal rows, a period not above 0, or what is not finite.

    Example:
        >>> round(circular_correlation([350, 0, 10, 180], [355, 5, 15, 185], 360), 3)
        1.0

    References:
        Fisher and Lee 1983, "A correlation coefficient for circular data"; chapter 12. With the means of cosines and
        sines it costs n steps, not n^2.
    """
    a, b = (take(angle, what) for what, angle in (("a", a), ("b", b)))
    if a.ndim != 1 or a.shape != b.shape or len(a) < 2:
        raise ValueError(f"a and b must be angles of shape (n,), n at least 2; got {a.shape} and {b.shape}")
    if not 0 < period < math.inf:
        raise ValueError(f"period must be a number above 0, got {period!r}")
    a, b = (np.exp(2j * np.pi * (angle % period) / period) for angle in (a, b))
    # sin(a_i - a_j) sin(b_i - b_j) is half of cos of the differences' difference less half of cos of their sum
    both = abs((a * b.conj()).mean()) ** 2 - abs((a * b).mean()) ** 2
    spread = (1 - abs((a**2).mean()) ** 2) * (1 - abs((b**2).mean()) ** 2)
    return float(np.clip(both / math.sqrt(spread), -1, 1)) if spread > (ROUNDING * np.finfo(float).eps) ** 2 else 0.0


def balanced_accuracy(true, found):
    """The mean over classes of the share of a class's rows that are found; one over the classes for one answer to all.

    Arguments:
        true, found: Labels, numbers or words, shape (n,).

    Returns:
        A number from 0 to 1, over the classes that occur in `true`.

    Raises:
        ValueError: for no rows or unequal ones.

    Example:
        >>> balanced_accuracy(["a", "a", "a", "b"], ["a", "a", "a", "a"])
        0.5

    References:
        scikit-learn's `balanced_accuracy_score`; chapter 11.
    """
    true, found = np.asarray(true), np.asarray(found)
    if true.ndim != 1 or true.shape != found.shape or not len(true):
        raise ValueError(f"labels must have one shape (n,), n at least 1; got {true.shape} and {found.shape}")
    return float(np.mean([(found[true == label] == label).mean() for label in np.unique(true)]))


def expected_null(n):
    r"""Expected \|rho\| of two independent columns, one of them normal, with `n` rows.

    Gamma((n-1)/2) / (sqrt(pi) Gamma(n/2)), near sqrt(2/(pi n)) for large n; 1 for n = 2.
    """
    return math.exp(math.lgamma((n - 1) / 2) - math.lgamma(n / 2)) / math.sqrt(math.pi)


class LDS(NamedTuple):
    """A linear disentanglement score with what it must be read against; chapter 7."""

    value: float
    floor: float
    ceiling: float
    normalised: float
    live: int
    n: int


def lds(z, u, permutations=5, seed=0):
    r"""Linear disentanglement score: how far each factor correlates with one latent alone.

    .. math:: \mathrm{LDS} = \frac1K\sum_k \frac{\max_j |\rho(z_j,u_k)|}{\sum_j |\rho(z_j,u_k)|}

    Arguments:
        z: Codes, shape (n, d).
        u: Factors, shape (n, K).
        permutations: Shuffles of the rows of `z` that the floor averages.
        seed: Seed of the shuffles.

    Returns:
        `LDS`: the value; its floor, the mean over shuffles; its expected ceiling for a perfect code, whose other live
        latents still correlate by chance, 1 / (1 + (live - 1) e) with e = `expected_null(n)`: an expectation, not a
        bound; normalised = (value - floor) / (ceiling - floor); the number of live latents, which vary by
        more than rounding: a correlation has no unit, and a code that hardly moves correlates by chance like any other;
        n.

    Raises:
        ValueError: for fewer than 3 rows, unequal rows, no factors or codes, a constant factor, what is not finite, or
            no permutation.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> u = rng.random((2000, 2))
        >>> score = lds(np.hstack([u, rng.random((2000, 3))]), u)
        >>> round(score.value, 2), round(score.normalised, 1)
        (0.92, 1.0)

    References:
        arXiv 2507.00298 and the authors' script; chapter 7.
    """
    z, u = _checked(z, u)
    if permutations < 1:
        raise ValueError(f"the floor averages shuffles: permutations must be at least 1, got {permutations}")
    rng = np.random.default_rng(seed)
    same, near, factors = constant(z), _near_one(z), _standardised(u)
    value, *shuffled = (
        _lds(_unit(codes, same).T @ factors / len(z))
        for codes in itertools.chain([near], (rng.permutation(near) for _ in range(permutations)))
    )
    live, floor = int((~same).sum()), float(np.mean(shuffled))
    ceiling = 1 / (1 + max(live - 1, 0) * expected_null(len(z)))
    normalised = (value - floor) / (ceiling - floor) if ceiling > floor else 0.0
    return LDS(value, floor, ceiling, normalised, live, len(z))


def lds_ranks(z, u, permutations=5, seed=0):
    """`lds` of the ranks of codes and factors: blind to outliers and to how a code's scale bends.

    Arguments, Returns, Raises: As in `lds`. Equal values share their mean rank.

    References:
        Spearman 1904 for the ranks; chapter 8.
    """
    from scipy.stats import rankdata  # slow to import

    z, u = _checked(z, u)
    z = np.where(constant(z), 0, z)  # a rounding has no rank
    return lds(*(np.apply_along_axis(rankdata, 0, a) for a in (z, u)), permutations, seed)


def kurtosis(z):
    r"""How heavy the tails of each column are: 3 for a normal one, 1.8 for a uniform one, large for a few outliers.

    .. math:: \frac{\frac1n \sum_i (z_i - \bar z)^4}{\bigl(\frac1n \sum_i (z_i - \bar z)^2\bigr)^2}

    Arguments:
        z: Shape (n, d).

    Returns:
        Shape (d,), at least 1; NaN for a column that is constant to rounding.

    Example:
        >>> kurtosis([[-1.0, 0.0], [1.0, 0.0]])
        array([ 1., nan])

    References:
        Chapter 14.
    """
    z = take(z, "codes")
    if z.ndim != 2 or len(z) < 2:
        raise ValueError(f"codes must have shape (n, d), n at least 2; got {z.shape}")
    return np.where(constant(z), np.nan, (_standardised(z) ** 4).mean(0))


def _lds(rho):
    rho = np.abs(rho)
    total = rho.sum(0)
    return float(np.mean(rho.max(0) / np.where(total > 0, total, 1)))


def sap(z, u):
    r"""Separated attribute predictability, the R^2 variant for continuous factors.

    .. math:: \mathrm{SAP} = \frac1K\sum_k \bigl(\rho_{(1)k}^2 - \rho_{(2)k}^2\bigr)

    the gap between the two latents that predict a factor best by a line. disentanglement_lib and disent take this for
    continuous factors; for discrete ones they train a linear support vector classifier on each code and compare
    accuracies. The two are not comparable: a perfect code with ten levels has .999 by the one and .089 by the other.

    Arguments:
        z: Codes, shape (n, d), d at least 2.
        u: Factors, shape (n, K).

    Returns:
        A number in [0, 1]; 1 for a perfect code as n grows, near 0 for noise or for duplicated codes.

    Raises:
        ValueError: for fewer than 3 rows or 2 codes, unequal rows, a constant factor, or NaN.

    References:
        Kumar et al. 2018; chapter 7.
    """
    z, u = _checked(z, u)
    if z.shape[1] < 2:
        raise ValueError("SAP compares the best two codes: give at least 2")
    best = np.sort(_rho(z, u) ** 2, axis=0)
    return float(np.mean(best[-1] - best[-2]))


def mig(z, u, bins=20, levels=10, estimator="bins"):
    r"""Mutual information gap, for discrete factors and, cut into levels, for continuous ones.

    .. math:: \mathrm{MIG} = \frac1K\sum_k \frac{I(z_{(1)}; c_k) - I(z_{(2)}; c_k)}{H(c_k)}

    the gap, in shares of what there is to know, between the two codes that tell most about a factor's class c_k.

    Packages mean different things by it. Chen et al. estimate I from samples of q(z|x) over the whole grid of factors;
    disentanglement_lib and disent, as we do, from posterior means in 20 equal bins. Those two take every value of a
    continuous factor for a class of its own, which makes MIG 0.000 for a perfect code; ours cuts such a factor into
    `levels`. Say which one you quote.

    Arguments:
        z: Codes, shape (n, d), d at least 2.
        u: Factors, shape (n, K). A factor with at most 64 values, five rows or more to each, is discrete: its values
            are the classes, those that differ by rounding being one (round a column that has more). With a class to
            every value of a continuous factor, every code would know every class, and MIG would be 0.000 for a perfect
            code.
        bins: Equal-width bins of a code; a code with no more values than that keeps them.
        levels: Equal-width classes of a continuous factor: 10 rather than 20 since unrelated columns seem to share
            (bins - 1)(levels - 1) / 2n nats, which a perfect code loses.
        estimator: "bins", the plug-in estimate from the table of counts; or "nearest", scikit-learn's estimate by
            nearest neighbours of an uncut code and the same classes, so that the same entropy normalises it: about
            a hundred times slower, and noisier, but blind to how the code's scale bends.

    Returns:
        A number, in [0, 1] with "bins"; near 1 for a perfect code, near 0 for noise or for duplicated codes.

    Raises:
        ValueError: for fewer than 3 rows, 2 codes, 2 bins or 2 levels, unequal rows, a constant factor, NaN, or an
            unknown estimator.

    Example:
        >>> u = np.random.default_rng(0).random((2000, 2))
        >>> round(mig(u, u), 2), mig(np.hstack([u, u]), u)
        (0.98, 0.0)

    References:
        Chen et al. 2018, and Ross 2014 for the neighbours; chapter 7.
    """
    z, u = _checked(z, u)
    if z.shape[1] < 2:
        raise ValueError("MIG compares the best two codes: give at least 2")
    if not all(isinstance(number, Integral) for number in (bins, levels)):
        raise ValueError(f"bins and levels must be whole numbers, got {bins} and {levels}")
    if min(bins, levels) < 2:
        raise ValueError(f"one class tells nothing: bins and levels must be at least 2, got {bins} and {levels}")
    if estimator not in ("bins", "nearest"):
        raise ValueError(f'estimator must be "bins" or "nearest", got {estimator!r}')
    factors = [_classes(column, levels, keep=min(CLASSES, len(u) // 5)) for column in u.T]
    if estimator == "bins":
        information = _table([_classes(column, bins, keep=bins) for column in z.T], factors)
    else:
        information = _nearest(z, factors)
    best = np.sort(information, axis=0)
    return float(np.mean((best[-1] - best[-2]) / [_entropy(factor) for factor in factors]))


def _classes(column, bins, keep):
    """Whole numbers from 0: one for each value if there are at most `keep`; else equal-width bins."""
    numbers = _values(column, keep)
    if numbers is not None:
        return numbers
    column = np.ldexp(column, -1)  # halves, whose spread cannot overflow
    low, high = column.min(), column.max()
    return np.minimum(bins * ((column - low) / (high - low)), bins - 1).astype(int)


def _values(column, keep):
    """The number of each row's value, those that differ by rounding being one; None for more than `keep` values."""
    values, index = np.unique(column, return_inverse=True)
    if len(values) > keep:
        return None
    step = ROUNDING * np.finfo(np.float64).eps * np.abs(values).max()
    number = np.cumsum(np.diff(values, prepend=values[0]) > step)  # 0.1 * 3 and 0.3 are one value
    first = values[np.searchsorted(number, number)]  # of each value's class
    return number[index] if (values - first <= step).all() else None  # a chain of roundings is a scale, not a value


def _entropy(classes):
    p = np.bincount(classes) / len(classes)
    return -np.sum(p[p > 0] * np.log(p[p > 0]))  # nats


def _information(a, b):
    return max(0.0, _entropy(a) + _entropy(b) - _entropy(a * (b.max() + 1) + b))  # a rounding below 0 is 0


def _table(codes, factors):
    """I of each code and factor by counting, (d, K), in nats."""
    return np.array([[_information(code, factor) for factor in factors] for code in codes])


def _nearest(z, factors, neighbours=3):
    """I of each code and factor by distances to neighbours, (d, K), in nats."""
    from sklearn.feature_selection import mutual_info_classif  # a second to import

    information = np.zeros((z.shape[1], len(factors)))
    z, varies = _standardised(z), ~constant(z)
    if varies.any():  # scikit-learn adds a little noise to break ties, from which a constant code seems to learn
        for k, factor in enumerate(factors):
            if np.bincount(factor).max() > 1:  # a class of one row has no neighbours
                information[varies, k] = mutual_info_classif(
                    z[:, varies], factor, n_neighbors=neighbours, random_state=0
                )
    return information


class DCI(NamedTuple):
    """Disentanglement, completeness and informativeness, in that order; read the first two beside the third."""

    disentanglement: float
    completeness: float
    informativeness: float


def dci(z, u, model="trees", seed=0):
    """Disentanglement, completeness, informativeness: who needs which code to predict which factor.

    Constant codes are left out: they are no codes, whatever their number. Packages differ in whose importances they
    take (lasso or forests in the paper, gradient boosting in disentanglement_lib) and in informativeness (error in the
    paper, accuracy in disentanglement_lib, R^2 here).

    A model for each factor learns from all codes on two thirds of the rows, drawn at random. How much it relies on each
    code makes the first two numbers (`disentanglement_completeness`), how well it predicts the other rows the third.

    Arguments:
        z: Codes, shape (n, d), d at least 2.
        u: Factors, shape (n, K), K at least 2.
        model: "trees" (extremely randomised; each importance is a share of the variance that splits explain): sees
            whatever moves a factor's mean, and duplicated codes share what they say; blind to a code that leaves the
            mean alone, such as the square of a centred factor. "lasso" (standardised coefficients, with a penalty at
            which chance correlations vanish): fifty times quicker, but blind to what is not a line; it takes one of
            two duplicates, and may give noise a D and C near 1, since what little it keeps stands alone. "boosting"
            (gradient-boosted trees that classify discrete factors): disentanglement_lib's, and takes minutes.
        seed: Seed of the rows' order and of the trees.

    Returns:
        `DCI`. Disentanglement and completeness are in [0, 1]. Informativeness is, averaged over factors, the R^2 on
        rows held out: 1 at best, near 0 or a little below for noise; with "boosting" it is their accuracy, as in
        disentanglement_lib, whose floor is the share of the largest class.

    Raises:
        ValueError: for fewer than 3 rows, 2 codes or 2 factors, unequal rows, a constant factor, NaN, an unknown
            model, or a factor of more than 64 values with "boosting".

    Warns of trees with fewer than 300 rows: there a perfect code has a D of .84, and with 100 rows of .1 to .3.

    References:
        Eastwood & Williams 2018; Geurts et al. 2006 for the trees; chapter 7.
    """
    z, u = _checked(z, u)
    if min(z.shape[1], u.shape[1]) < 2:
        raise ValueError(f"DCI compares codes and factors: give at least 2 of each, got {z.shape[1]} and {u.shape[1]}")
    if model not in ("trees", "lasso", "boosting"):
        raise ValueError(f'model must be "trees", "lasso" or "boosting", got {model!r}')
    order = np.random.default_rng(seed).permutation(len(z))
    train, held_out = np.split(order, [round(len(z) * 2 / 3)])
    if model == "trees" and len(z) < FEW:
        warn(f'{len(z)} rows are few for trees, whose leaves hold 20: even a perfect code scores low; try "lasso"')
    live = ~constant(z)
    z = _standardised(z if live.all() else np.ascontiguousarray(z[:, live]))
    if not z.shape[1]:
        z = np.zeros((len(u), 1))  # a model without a code can only guess
    importance, informativeness = _importance(z, u, train, held_out, model, seed)
    importance = np.pad(importance, ((0, max(0, 2 - len(importance))), (0, 0)))  # one code alone is complete
    return DCI(*disentanglement_completeness(importance), float(informativeness.mean()))


def _importance(z, u, train, held_out, model, seed=0):
    """Importance of each code for each factor, shape (d, K), and how well each factor is predicted, (K,)."""
    columns, scores = [], []
    for k, y in enumerate(u.T if model == "boosting" else _standardised(u).T):
        if model == "boosting":
            from sklearn.ensemble import GradientBoostingClassifier

            y = _values(y, CLASSES)
            if y is None:
                raise ValueError(f'"boosting" classifies: factor column {k} has over {CLASSES} values; take "trees"')
            fitted = GradientBoostingClassifier(random_state=seed).fit(z[train], y[train])
            scores.append(np.mean(fitted.predict(z[held_out]) == y[held_out]))
        else:
            fitted = _regressor(model, *z[train].shape, seed).fit(z[train], y[train])
            scores.append(1 - np.mean((fitted.predict(z[held_out]) - y[held_out]) ** 2))  # y has variance 1
        columns.append(np.abs(fitted.coef_ if model == "lasso" else fitted.feature_importances_))  # -1e-17 occurs
    return np.array(columns).T, np.array(scores)


def _regressor(model, n, d, seed):
    if model == "lasso":
        from sklearn.linear_model import Lasso

        return Lasso(math.sqrt(2 * math.log(max(d, 2)) / n))  # about the largest chance correlation of d codes
    from sklearn.ensemble import ExtraTreesRegressor

    return ExtraTreesRegressor(20, min_samples_leaf=20, random_state=seed)  # small leaves would learn the noise


def disentanglement_completeness(importance):
    r"""Disentanglement and completeness of a matrix of importances.

    .. math:: D = \sum_i w_i \Bigl(1 + \sum_k p_{ik} \log_K p_{ik}\Bigr), \quad
              C = \sum_k v_k \Bigl(1 + \sum_i q_{ik} \log_d q_{ik}\Bigr)

    with R over its row's sum for p, over its column's sum for q, and the shares of rows and columns in the total as
    weights w and v. So D is 1 if each code serves one factor, C is 1 if each factor is served by one code, and a dead
    code has no weight.

    Arguments:
        importance: R, shape (d, K), at least 2 by 2, importance of code i for factor k, never negative.

    Returns:
        (D, C), both in [0, 1]; both 0 if nothing is important.

    Raises:
        ValueError: for another shape, negative importances or NaN.

    Example:
        >>> disentanglement_completeness([[1, 0], [0, 1], [0, 0]])
        (1.0, 1.0)

    References:
        Eastwood & Williams 2018, weighted as in disentanglement_lib; chapter 7.
    """
    importance = take(importance, "importances")
    if importance.ndim != 2 or min(importance.shape) < 2:
        raise ValueError(f"importances must have shape (d, K), at least 2 by 2; got {importance.shape}")
    if not (importance >= 0).all():
        raise ValueError(f"importances must be numbers of at least 0, got a minimum of {importance.min()}")
    return _focus(importance), _focus(importance.T)


def _focus(rows):
    """Mean over rows, weighted by their sums, of 1 - entropy / its maximum."""
    sums = rows.sum(1)
    if not sums.any():
        return 0.0
    p = rows[sums > 0] / sums[sums > 0, None]
    entropy = -np.sum(p * np.log(np.where(p > 0, p, 1)), axis=1) / math.log(rows.shape[1])
    return float(np.average(1 - entropy, weights=sums[sums > 0]))


def _taken(z, u, least):
    """Codes (n, d) and factors (n, K) as float64, finite, at least one column of each."""
    z, u = (take(a, what) for what, a in (("codes", z), ("factors", u)))
    if z.ndim != 2 or u.ndim != 2 or len(z) != len(u) or len(z) < least:
        raise ValueError(
            f"codes and factors must be (n, d) and (n, K), n at least {least}; got {z.shape} and {u.shape}"
        )
    for what, array in (("codes", z), ("factors", u)):
        if not array.shape[1]:
            raise ValueError(f"there are no {what} to score: give at least one column, got shape {array.shape}")
    return z, u


def _checked(z, u):
    """As `_taken`, 3 rows or more, none of the factors constant."""
    z, u = _taken(z, u, 3)
    same = np.flatnonzero(constant(u))
    if len(same):
        raise ValueError(f"factor column {same[0]} is constant: no code can predict it, leave it out")
    check_spread(u, "factors")
    return z, u


def _near_one(a):
    """Columns times a power of two that brings them near 1: it changes no digit, and no square overflows."""
    return np.ldexp(a, -np.frexp(np.abs(a).max(0, initial=0))[1])


def _standardised(a):
    return _unit(_near_one(a), constant(a))


def _unit(a, same):
    """Columns near 1 as mean 0 and variance 1; those that are the same everywhere as 0."""
    centred = a - a.mean(0)
    sd = centred.std(0)
    if (far := ~same & (sd < FAR)).any():  # where the mean's own rounding counts
        centred = np.where(far, centred - centred.mean(0), centred)
        sd = np.where(far, centred.std(0), sd)
    return np.where(same, 0, centred / np.where(same, 1, sd))
