r"""What moves when a latent moves: moments of pictures, traversals, perturbed latents, and factors read from codes.

A correlation says that a latent *knows* a factor. Only decoding says what the latent *does*: `traversal` moves one
latent at a time and measures the decoded galaxies, and `simulator_traversal` does the same to the simulator, which is
the best that a decoder can do. Galaxies are no ideal case: radius changes the core, the PSF dilutes the shear.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np

from . import metrics
from .arrays import constant, take
from .factors import column_names

__all__ = ["MOMENTS", "Separation", "Traversal", "drops", "moments", "perturb", "readout", "separation",
           "simulator_traversal", "told", "traversal"]  # fmt: skip

MOMENTS = ("flux", "size", "g1", "g2", "core")  # the columns of `moments`
CHUNK = 64  # pictures at a time: what the processor's cache holds
THINNEST = 1e-3  # of M's smaller half axis, in pixels squared; no picture can show less
NEIGHBOURS, MOST_ROWS = 10, 4096  # of `readout`


def moments(images, pixel=0.2, iterations=100, tolerance=1e-6):
    r"""Flux, adaptive size and shear, and core of each picture.

    The Gaussian weight has the picture's own centre and covariance M, so that noise far out has no say:

    .. math:: M = 2\,\frac{\sum_p I_p\,w_p\,(x_p - x_0)(x_p - x_0)^\top}{\sum_p I_p\,w_p}, \qquad
              w_p = e^{-\frac12 (x_p - x_0)^\top M^{-1} (x_p - x_0)}

    For a Gaussian picture M is its own covariance. Steps of the difference between the two sides converge, and near
    the end steps of twice that do so quadratically.

    Arguments:
        images: Counts, shape (n, H, W) or (n, 1, H, W), array or tensor.
        pixel: Side of a pixel, arcsec.
        iterations: Most steps from a round weight of 2 pixels in the middle of the picture.
        tolerance: Largest last step, in units of the smaller half axis of M (of its square, for M itself).

    Returns:
        Array of shape (n, 5), columns as in `MOMENTS`: flux, the sum of all counts; size, det(M)^(1/4) in arcsec; shear
        g1 and g2, whose size is (a - b)/(a + b) for half axes a and b of M; core, the share of the flux in the 3x3
        pixels around pixel (H // 2, W // 2). A row is NaN if flux is not above 0, the centre leaves the picture,
        M shrinks to a line or a point, or the steps do not converge.

    Raises:
        ValueError: for another shape, or pixels that are masked or not finite, naming the row.

    Example:
        >>> y, x = np.mgrid[-16:17, -16:17]
        >>> moments(np.exp(-(x**2 / 9 + y**2 / 4) / 2)[None])[:, 1:3].round(3)  # half axes of 3 and 2 pixels
        array([[0.49, 0.2 ]])

    References:
        Bernstein & Jarvis 2002; Hirata & Seljak 2003; GalSim's `hsm.FindAdaptiveMom`; chapter 8.
    """
    images = take(images, "images", metrics._precision(images))
    if images.ndim == 4 and images.shape[1] == 1:
        images = images[:, 0]
    if images.ndim != 3 or min(images.shape[1:]) < 3:
        raise ValueError(f"images must have shape (n, H, W) or (n, 1, H, W), 3 pixels or more; got {images.shape}")
    n, H, W = images.shape
    y, x = (axis.ravel().astype(np.float64) for axis in np.mgrid[:H, :W])
    y, x = y - (H - 1) / 2, x - (W - 1) / 2
    basis = np.array([np.ones_like(x), x, y, x * x, x * y, y * y])
    parts = [images[start : start + CHUNK].reshape(-1, H * W) for start in range(0, n, CHUNK)]
    found = [_adaptive(part.astype(np.float64), basis, iterations, tolerance) for part in parts]
    xx, xy, yy = np.concatenate([np.empty((0, 3)), *found]).T
    flux = images.sum((1, 2), dtype=np.float64)
    core = images[:, H // 2 - 1 : H // 2 + 2, W // 2 - 1 : W // 2 + 2].sum((1, 2), dtype=np.float64)
    root = np.sqrt(xx * yy - xy**2)
    whole = xx + yy + 2 * root  # (a + b)^2
    usable = np.isfinite(root) & (flux > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = np.array([flux, pixel * np.sqrt(root), (xx - yy) / whole, 2 * xy / whole, core / flux])
    return np.where(usable, rows, np.nan).T


def _adaptive(pictures, basis, iterations, tolerance):
    """M of flat pictures (n, H W) as columns xx, xy, yy, in pixels squared; NaN where it does not converge."""
    _, x, y, *_ = basis
    n = len(pictures)
    result, rows = np.full((n, 3), np.nan), np.arange(n)
    centre, m = np.zeros((n, 2)), np.tile([4.0, 0.0, 4.0], (n, 1))
    for _ in range(iterations):
        (x0, y0), (xx, xy, yy) = centre.T, m.T
        a, b, c = np.array([yy, -xy, xx]) / (xx * yy - xy**2)  # the inverse of M: a, b, b, c
        constant = a * x0**2 + 2 * b * x0 * y0 + c * y0**2
        quadratic = np.array([constant, -2 * (a * x0 + b * y0), -2 * (b * x0 + c * y0), a, 2 * b, c])
        weighted = np.exp(-0.5 * quadratic.T @ basis) * pictures
        sums = (weighted @ basis.T).T
        with np.errstate(divide="ignore", invalid="ignore"):
            _, mean_x, mean_y, *squares = sums / sums[0]
            second = np.array(squares) - [mean_x**2, mean_x * mean_y, mean_y**2]
            smaller = (xx + yy - np.hypot(xx - yy, 2 * xy)) / 2  # b^2
            shift = 2 * np.array([mean_x - x0, mean_y - y0]) / np.sqrt(smaller)
            step = 2 * (2 * second - m.T) / smaller
            largest = np.abs([*shift, *step]).max(0)
            double = np.where(largest < 0.5, 1, 0.5)  # a far step, doubled, could leave M without an inverse
            done = largest < tolerance
            result[rows[done]] = m[done]
            centre = centre + (double * shift * np.sqrt(smaller)).T
            m = m + (double * step * smaller).T
        inside = (np.abs(centre[:, 0]) <= x.max() + 0.5) & (np.abs(centre[:, 1]) <= y.max() + 0.5)
        thin = m[:, 0] * m[:, 2] - m[:, 1] ** 2 <= THINNEST * (m[:, 0] + m[:, 2])
        going = ~done & inside & ~thin & (m[:, 0] > 0) & (sums[0] > 0) & np.isfinite(largest)
        pictures, centre, m, rows = pictures[going], centre[going], m[going], rows[going]
        if not len(rows):
            break
    return result


class Traversal(NamedTuple):
    """How far each moment moves with each row's latent or factor.

    `matrix` has shape (d, 5), columns as in `MOMENTS`, in units of the moment's sd over the data; `names` are those of
    the d rows, and `failures` is the share of the traversals' pictures that `moments` could not measure.
    """

    matrix: np.ndarray
    names: tuple
    failures: float


def traversal(model, data, rows=200, steps=7, seed=0):
    r"""How far each measured property moves when one latent moves and the others stay.

    .. math:: T_{jm} = \frac{1}{s_m}\sqrt{\operatorname{mean}_i \operatorname{var}_t\, m(\text{decode}(z_i
              \text{ with } z_{ij} = q_{jt}))}

    with q_jt equally spaced between the 5 % and 95 % quantiles of latent j over the data, and s_m the sd of moment m
    over the data's own pictures, noiseless ones if they are known.

    Arguments:
        model: An `AuxVAE`.
        data: A `FactorDataset` of one channel.
        rows: Galaxies that are traversed, drawn without replacement; all of the data if there are no more.
        steps: Values that a latent takes.
        seed: Seed of the draw.

    Returns:
        `Traversal`, a row for each latent; guided latents have their factor's name, the others z6, z7, ...

    Raises:
        ValueError: for fewer than 2 steps, images of several channels, or a moment that is the same in all data.

    References:
        Chapter 8.
    """
    names = _names(model)
    return _traverse(model.decode, model.encode(data.images).mu.numpy(), names, data, rows, steps, seed)


def _names(model):
    """Of latents: those of guided ones as their columns', and z6, z7, ... of the others."""
    free = (f"z{j + 1}" for j in range(model.guided_dim, model.latent_dim))
    return (*column_names(model.factors, model.kinds), *free)


def simulator_traversal(render, data, rows=200, steps=7, seed=0):
    """`traversal` of the simulator itself: each factor moves, the galaxy's other factors stay.

    It is the ceiling: what a model would show whose latents are the factors and whose decoder is the simulator.

    Arguments:
        render: Function of factors (n, K) that gives noiseless pictures (n, 1, H, W), as `galaxies.render`.
        data, rows, steps, seed: As in `traversal`; the same data and seed traverse the same galaxies.

    Returns:
        `Traversal`, a row for each factor.

    Example:
        >>> from auxvae_lite.datasets import FactorDataset
        >>> from auxvae_lite.simulators import galaxies
        >>> data = FactorDataset(*galaxies.simulate(64, seed=0))
        >>> moved = simulator_traversal(galaxies.render, data, rows=8, steps=3)
        >>> [data.names[k] for k in moved.matrix.argmax(0)]  # the core, too, is the radius's
        ['flux', 'radius', 'g1', 'g2', 'radius']

    References:
        Chapter 8.
    """
    return _traverse(render, data.factors, data.names, data, rows, steps, seed)


def _traverse(draw, codes, names, data, rows, steps, seed):
    if steps < 2:
        raise ValueError(f"a traverse needs at least 2 steps, got {steps}")
    spread = _spread(moments(data.images if data.clean is None else data.clean))
    if not (spread > 0).all():
        raise ValueError(
            f"{MOMENTS[int(np.argmin(spread > 0))]} is measurable in no two different "
            "pictures of the data: give more rows, or data that vary"
        )
    chosen = np.sort(np.random.default_rng(seed).permutation(len(codes))[:rows])
    start = np.repeat(codes[chosen], steps, axis=0)
    matrix, failures, unknown = [], [], np.full(len(MOMENTS), np.nan)
    for column in codes.T:
        moved = start.copy()
        values = np.linspace(*np.quantile(column, [0.05, 0.95]), steps)
        moved[:, len(matrix)] = np.tile(values, len(chosen))
        measured = moments(draw(moved)).reshape(len(chosen), steps, -1)
        failures.append(np.isnan(measured[..., 0]).mean())
        several = np.isfinite(measured[..., 0]).sum(1) > 1  # one picture has no variance
        variances = np.nanvar(measured[several], axis=1)
        matrix.append(np.sqrt(variances.mean(0)) if several.any() else unknown)
    return Traversal(np.array(matrix) / spread, tuple(names), float(np.mean(failures)))


def _spread(measured):
    measured = measured[np.isfinite(measured[:, 0])]
    return measured.std(0) if len(measured) else np.zeros(len(MOMENTS))


class Separation(NamedTuple):
    """Disentanglement, does each latent move one property, and completeness, does one latent move each property."""

    disentanglement: float
    completeness: float


def separation(matrix, latents=None):
    """D and C of a traversal's flux, size, g1 and g2, with squared movements as importances.

    The core is left out: it follows the radius, as size does, and then the PSF, so it is no property of one latent.

    Arguments:
        matrix: `Traversal.matrix`, shape (d, 5).
        latents: Number of latents that completeness counts, at least d, which is the default. Give the model's beside
            the simulator's matrix: idle latents raise completeness, since it is in units of log(latents).

    Returns:
        `Separation`, both in [0, 1]. Read a model's beside the simulator's, which stays below 1.

    Raises:
        ValueError: for another shape, fewer latents than rows, or NaN.

    Example:
        >>> separation(np.eye(5))
        Separation(disentanglement=1.0, completeness=1.0)

    References:
        `metrics.disentanglement_completeness`; chapters 7 and 8.
    """
    matrix = take(matrix, "matrix")
    if matrix.ndim != 2 or matrix.shape[1] != len(MOMENTS):
        raise ValueError(f"matrix must have shape (d, {len(MOMENTS)}), got {matrix.shape}: give traversal(...).matrix")
    idle = 0 if latents is None else latents - len(matrix)
    if idle < 0:
        raise ValueError(f"latents must be at least the matrix's {len(matrix)} rows, got {latents}")
    squares = np.pad(matrix[:, :4] ** 2, ((0, idle), (0, 0)))
    return Separation(*metrics.disentanglement_completeness(squares))


def perturb(
    model,
    data,
    latents,
    how="noise",
    amount=1.0,
    seed=0,
    convention="ssim_image",
):
    """How much SSIM falls when some latents are perturbed between encoder and decoder.

    Arguments:
        model: An `AuxVAE`.
        data: A `FactorDataset`.
        latents: Indices of the perturbed latents, from 0.
        how: "noise" adds Gaussian noise of `amount` times the latent's sd over the data;
            "shuffle" gives each latent the values of other rows, each latent in an order
            of its own.
        amount: See `how`; "shuffle" ignores it.
        seed: Seed of the noise or the orders.
        convention: One of `metrics.ssim_scores`.

    Returns:
        SSIM of the unperturbed reconstructions minus SSIM of the perturbed ones: 0 for
        latents that the decoder ignores, above 0 where they matter. The sd of a latent
        with long tails is its tails', and noise of that size is more than most rows ever
        show: shuffled values are always values that occur.

    Raises:
        ValueError: for an unknown `how`, `convention` or latent.

    References:
        Chapter 9.
    """
    mu = model.encode(data.images).mu.numpy()
    spoilt = _perturbed(mu, latents, how, amount, np.random.default_rng(seed))
    return _ssim(model, data, mu, convention) - _ssim(model, data, spoilt, convention)


def _ssim(model, data, z, convention):
    clean = data.clean if convention == "ssim_clean" else None  # dear, and asked for seldom
    scores = metrics.ssim_scores(data.images, model.decode(z).numpy(), clean)
    if convention not in scores:
        raise ValueError(f"no {convention!r} of these data; choose one of {', '.join(scores)}")
    return scores[convention]


def _perturbed(mu, latents, how, amount, rng):
    n, d = mu.shape
    if how not in ("noise", "shuffle"):
        raise ValueError(f'how must be "noise" or "shuffle", got {how!r}')
    perturbed = mu.copy()
    for j in latents:
        if not 0 <= j < d:
            raise ValueError(f"no latent {j}; this model has 0 to {d - 1}")
        if how == "noise":
            perturbed[:, j] += amount * mu[:, j].std() * rng.standard_normal(n)
        else:
            perturbed[:, j] = rng.permutation(mu[:, j])
    return perturbed


def drops(model, data, size=2, draws=10, seed=0, rows=1024, amount=1.0, groups=None, convention="ssim_image"):
    """`perturb` of random subsets of guided and of free latents, by noise and by shuffling.

    Arguments:
        model, data, amount, convention: As in `perturb`.
        size: Latents in a subset.
        draws: Different subsets of each group; all subsets if there are no more.
        seed: Seed of rows, subsets, noise and orders.
        rows: Rows that are drawn from the data; all if there are no more.
        groups: Indices of latents by the group's name; by default "aux", the guided latents, and "recon", the others.

    Returns:
        Dictionary of floats: `drop_GROUP_noise` and `drop_GROUP_shuffle`, means over subsets, and the same with `_sd`,
        the standard deviation over subsets.

    Raises:
        ValueError: for a group with fewer latents than `size`.

    References:
        Chapter 9.
    """
    G = model.guided_dim
    groups = groups or {"aux": range(G), "recon": range(G, model.latent_dim)}
    for group, latents in groups.items():
        if len(set(latents)) < len(latents):
            raise ValueError(f"the latents of {group!r} must differ, got {list(latents)}")
        if not 0 < size <= len(latents):
            raise ValueError(
                f"size={size} latents cannot be drawn from the {len(latents)} of {group!r}: give a size from 1 to "
                f"that, or groups of your own, such as groups={{'all': range({model.latent_dim})}}"
            )
    rng = np.random.default_rng(seed)
    data = data.rows(np.sort(rng.permutation(len(data))[:rows]))
    mu = model.encode(data.images).mu.numpy()
    whole, result = _ssim(model, data, mu, convention), {}
    for group, latents in groups.items():
        subsets = _subsets(latents, size, draws, rng)
        for how in ("noise", "shuffle"):
            fallen = [
                whole - _ssim(model, data, _perturbed(mu, subset, how, amount, rng), convention) for subset in subsets
            ]
            result[f"drop_{group}_{how}"] = float(np.mean(fallen))
            result[f"drop_{group}_{how}_sd"] = float(np.std(fallen))
    return result


def _subsets(latents, size, draws, rng):
    """Different subsets, sorted; all of them if there are no more than `draws`."""
    if math.comb(len(latents), size) <= draws:
        return list(itertools.combinations(latents, size))
    found = set()
    while len(found) < draws:
        found.add(tuple(sorted(rng.choice(list(latents), size, replace=False).tolist())))
    return sorted(found)


def readout(z_train, u_train, z_test, u_test, kind="linear", seed=0):
    r"""How well factors can be read from codes, on rows that the reader never saw.

    Arguments:
        z_train, z_test: Codes, shapes (n, d) and (m, d); columns are standardised with the training rows' mean and sd,
            and constant columns do no harm.
        u_train, u_test: Factors, shapes (n, K) and (m, K).
        kind: "linear", least squares with intercept; or "neighbours", the mean of the 10 nearest codes' factors, from
            at most 4,096 rows of each part.
        seed: Seed of the choice of those rows.

    Returns:
        Array of shape (K,): R^2 = 1 - sum of squared errors / sum of squared deviations from the test rows' mean. 1 is
        perfect, 0 is what the mean does, and worse is negative. To neighbours every code counts alike, so idle ones
        that still jitter hide the others.

    Raises:
        ValueError: for an unknown kind, unequal rows, fewer than 3 rows (10 for neighbours), a constant factor, or NaN.

    Example:
        >>> z = np.random.default_rng(0).standard_normal((2000, 2))
        >>> train, test = (z[:1000], z[:1000] ** 2), (z[1000:], z[1000:] ** 2)
        >>> bool(readout(*train, *test).max() < 0.1), bool(readout(*train, *test, "neighbours").min() > 0.9)
        (True, True)

    References:
        Chapter 9.
    """
    from sklearn.linear_model import LinearRegression  # slow to import
    from sklearn.metrics import r2_score
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    readers = {"linear": LinearRegression(), "neighbours": KNeighborsRegressor(NEIGHBOURS)}
    if kind not in readers:
        raise ValueError(f"kind must be one of {', '.join(readers)}; got {kind!r}")
    parts = [metrics._checked(*part) for part in ((z_train, u_train), (z_test, u_test))]
    if kind == "neighbours":
        if len(parts[0][0]) < NEIGHBOURS:
            raise ValueError(f"neighbours need at least {NEIGHBOURS} training rows, got {len(parts[0][0])}")
        rng = np.random.default_rng(seed)
        orders = [rng.permutation(len(z))[:MOST_ROWS] for z, _ in parts]
        parts = [[a[order] for a in part] for part, order in zip(parts, orders, strict=True)]
    dead = constant(parts[0][0])  # however large, they tell nothing
    train, (z, u) = ((np.where(dead, 0, z), u) for z, u in parts)
    reader = make_pipeline(StandardScaler(), readers[kind]).fit(*train)
    return r2_score(u, reader.predict(z), multioutput="raw_values")


class Told(NamedTuple):
    """R^2 of each factor as codes tell it, (K,), and the same of shuffled codes, which tell nothing."""

    value: np.ndarray
    floor: np.ndarray


def told(z, u, seed=0):
    """How much codes tell of each factor, whatever the shape of what they tell.

    Arguments:
        z: Codes, shape (n, d): samples of q(z|x), not its means, or a latent that a decoder cannot read for noise would
            seem to tell all that its mean still says (Posterior.sample).
        u: Factors, shape (n, K).
        seed: Seed of the half that is held out, and of the shuffle.

    Returns:
        `Told`: `readout` by the 10 nearest neighbours, learnt on one half of the rows, scored on the other. 1 is all, 0
        is nothing; neighbours of noise guess a tenth worse than the mean, so that the floor is near -0.1. NaN for a
        factor that varies, but not within one of the halves, such as a rare class.

    Raises:
        ValueError: as `readout` does.

    References:
        Chapter 14.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(z))
    known, asked = np.array_split(order, 2)
    z, u = take(z, "codes"), take(u, "factors")

    rare = (constant(u[known]) | constant(u[asked])) & ~constant(u)

    def score(codes):
        found = np.full(u.shape[1], np.nan)
        if not rare.all():
            found[~rare] = readout(
                codes[known], u[known][:, ~rare], codes[asked], u[asked][:, ~rare], "neighbours", seed
            )
        return found

    return Told(score(z), score(rng.permutation(z)))
