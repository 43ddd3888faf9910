r"""Measures of dependence that an outlier cannot fool: what inter-independence may be made of beside powers.

`regularizers.inter` correlates powers of each free latent with powers of each factor. A few rows far out decide such a
correlation, and a latent can hide a copy of a factor behind them (chapter 14). Here are three remedies:

- `wrap` bounds each latent before it is correlated;
- `distance_correlation` and `hsic` compare all distances between rows, and see any dependence, not only a polynomial's.

A column that does not vary depends on nothing: its value is 0 and its gradient is 0, never NaN.
"""

import torch

from .regularizers import _scaled, _unit

__all__ = ["distance_correlation", "hsic", "wrap"]

STRAIGHT, END = 1.5, 4.0  # in robust standard deviations: up to the first nothing changes, beyond the second all is 0
HEIGHT, STEEPNESS = 1.540793, 0.8622731  # which make the curve continuous and normal data keep their correlation
NORMAL = 1.4826  # a normal column's sd over its median absolute deviation
ROWS = 64  # of a batch, for what costs the square of it
LEAST = 4  # rows, below which no unbiased estimate exists


def wrap(z):
    r"""Columns in robust standard deviations; what lies far out is brought to the middle.

    .. math:: t = \frac{z - \operatorname{median} z}
              {1.4826\,\operatorname{median}|z - \operatorname{median} z|},\qquad
              \psi(t) = \begin{cases} t & |t| \le 1.5 \\
              1.54 \tanh(0.862\,(4 - |t|))\,\operatorname{sign} t & 1.5 < |t| \le 4 \\
              0 & |t| > 4 \end{cases}

    Half of the rows decide median and spread, so that a few rows far out neither widen
    the scale for the others nor count themselves. (The sd of a batch is widened by four
    rows in 128: a copy of a factor then goes unseen.)

    Arguments:
        z: Shape (B, J).

    Returns:
        Shape (B, J), between -1.54 and 1.54. Median and spread carry no gradient. A
        column of which half the rows are equal has no such spread and keeps its unit.

    References:
        Raymaekers and Rousseeuw 2021, "Fast robust correlation for high-dimensional
        data"; chapter 14.
    """
    fixed = z.detach()
    centre = fixed.median(0).values
    spread = NORMAL * (fixed - centre).abs().median(0).values
    t = (z - centre) / torch.where(spread > 0, spread, 1)
    size = t.abs()
    back = HEIGHT * torch.tanh(STEEPNESS * (END - size)) * t.sign()
    return torch.where(size <= STRAIGHT, t, torch.where(size <= END, back, 0))


def distance_correlation(z, u, joint=True):
    r"""Squared distance correlation of latents and factors, estimated without bias.

    .. math:: \mathcal R^2 = \frac{\langle A, B \rangle}{\sqrt{\langle A, A \rangle \langle B, B \rangle}},\qquad
              A_{ii'} = \|z_i - z_{i'}\|, \quad B_{ii'} = \|u_i - u_{i'}\|

    with standardised columns and U-centred matrices. It is 0 in expectation for independent columns, at any number of
    rows, and 1 for a line; an estimate may be a little below 0.

    Arguments:
        z: Latents, shape (B, J). B is at least 4; 64 rows tell enough, at a quarter of 128 rows' cost.
        u: Factors, shape (B, K).
        joint: Distances between whole rows: the measure is blind to how the latents are turned, and sees a factor that
            several latents share. False measures each latent with each factor alone.

    Returns:
        Shape (1, 1), or (J, K) without `joint`.

    Raises:
        ValueError: for unequal rows or fewer than 4.

    Example:
        >>> z = torch.randn(500, 1, generator=torch.Generator().manual_seed(0))
        >>> distance_correlation(z, torch.hstack([z, z**2]), joint=False).round(decimals=1)
        tensor([[1.0000, 0.3000]])

    References:
        Szekely and Rizzo 2014, "Partial distance correlation with methods for dissimilarities"; chapter 14.
    """
    return _measure(z, u, joint, _distance)


def hsic(z, u, joint=True):
    r"""Hilbert-Schmidt independence criterion of latents and factors, estimated without bias and normalised.

    .. math:: \frac{\langle A, B \rangle}{\sqrt{\langle A, A \rangle \langle B, B \rangle}},\qquad
              A_{ii'} = e^{-\|z_i - z_{i'}\|^2 / 2J}, \quad B_{ii'} = e^{-\|u_i - u_{i'}\|^2 / 2K}

    with standardised columns and U-centred matrices, as in `distance_correlation`.

    Arguments, Returns, Raises: As in `distance_correlation`; without `joint`, J and K are 1.

    Example:
        >>> z = torch.randn(500, 1, generator=torch.Generator().manual_seed(0))
        >>> hsic(z, torch.hstack([z, z**2]), joint=False).round(decimals=1)
        tensor([[1.0000, 0.4000]])

    References:
        Gretton et al. 2005; Song et al. 2012 for the estimate; Sejdinovic et al. 2013 for what the two share; chapter
        14.
    """
    return _measure(z, u, joint, _gaussian)


def _distance(squares, _):
    """Distances, and their slope in the squares; 0 where two rows are equal."""
    distances = squares.sqrt()
    return distances, torch.where(squares > 0, 0.5 / distances, 0)


def _gaussian(squares, width):
    """Kernels less 1, which centring takes out, so that columns that do not vary give exact zeros; and their slope."""
    kernel = (squares * (-0.5 / width)).expm1()
    return kernel, (kernel + 1) * (-0.5 / width)


def _measure(z, u, joint, kernel):
    if len(z) != len(u) or len(z) < LEAST:
        raise ValueError(f"latents and factors need one row per image, {LEAST} or more; got {len(z)} and {len(u)}")
    z, u = (_unit(_scaled(x)) * len(x) ** 0.5 for x in (z, u))  # columns of variance 1, or 0
    if joint:
        return _alignment(z, u, kernel).view(1, 1)
    rows = [torch.stack([_alignment(a, b, kernel) for b in u.split(1, dim=1)]) for a in z.split(1, dim=1)]
    return torch.stack(rows)


def _alignment(z, u, kernel):
    r"""<A, B> / sqrt(<A, A> <B, B>) of U-centred matrices of two tables' rows; 0 where one has no spread.

    The slope is worked out by hand, at a third of what autograd takes: with c the value and \|A\| = sqrt(<A, A>),

    .. math:: \frac{\partial c}{\partial A} = \frac{B / \|B\| - c\,A / \|A\|}{\|A\|},\qquad
              \frac{\partial c}{\partial z_i} = 4 \sum_{i'} \frac{\partial c}{\partial A_{ii'}}
              \frac{\partial A_{ii'}}{\partial \|z_i - z_{i'}\|^2}\,(z_i - z_{i'})
    """
    with torch.no_grad():
        matrices, lengths, steps = zip(*(_centred(*kernel(_apart(x), x.shape[1])) for x in (z, u)), strict=True)
        value = linear = (matrices[0] * matrices[1]).sum()
    for x, own, other, length, step in zip((z, u), matrices, matrices[::-1], lengths, steps, strict=True):
        if x.requires_grad:
            with torch.no_grad():
                slope = (other - value * own) * step * length
                slope = 4 * (slope.sum(1, keepdim=True) * x - slope @ x)
            linear = linear + ((x - x.detach()) * slope).sum()  # of value 0
    return linear


def _apart(x):
    """Squared distances between rows of x, (B, B): |a|^2 + |b|^2 - 2 ab, and 0 where that is rounding error."""
    squares = x.square().sum(1)
    size = squares[:, None] + squares
    apart = size - 2 * x @ x.T
    return apart * (apart > 16 * torch.finfo(x.dtype).eps * size)


def _centred(a, step):
    """A symmetric matrix U-centred and of length 1, or 0 where rounding error is all that is left; 1 / length; step."""
    n, rows = len(a), a.sum(1)
    centred = a - (rows[:, None] + rows - rows.sum() / (n - 1)) / (n - 2)
    centred.fill_diagonal_(0)
    square, rounding = centred.square().sum(), 16 * torch.finfo(a.dtype).eps * a.square().sum()
    length = torch.where(square > rounding, square, torch.inf).rsqrt()
    return centred * length, length, step
