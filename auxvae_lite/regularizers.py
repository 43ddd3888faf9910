r"""Correlation penalties on latent means: explicitness, intra-independence, inter-independence.

The paper builds them from R_0 and R_1, polynomial-regression correlations up to degree K, without a formula. Two
readings exist, and both are here (chapter 4):

- `powers`, the authors' code: the sum of \|rho(mu^a, u^b)\| over the powers a, b <= K;
- `multiple`: the multiple correlation R of mu regressed on 1, u, ..., u^K; between 0 and 1, and blind to sign.

A column that does not vary correlates with nothing: its value is 0 and its gradient is 0, never NaN.

All values depend on the batch: for independent normal columns one \|rho\| has the expectation
Gamma((B-1)/2) / (sqrt(pi) Gamma(B/2)), 1 at B = 2, .42 at B = 5, .07 at B = 128. Subtracting a constant would change
no gradient, so nothing is subtracted.
"""

import torch

__all__ = ["READINGS", "dependence", "explicitness", "inter", "intra", "pearson", "penalties"]

READINGS = ("powers", "multiple")


def pearson(a, b):
    r"""Correlation of every column of `a` with every column of `b`.

    .. math:: \rho_{jk} = \frac{\sum_i (a_{ij}-\bar a_j)(b_{ik}-\bar b_k)}
              {\sqrt{\sum_i (a_{ij}-\bar a_j)^2 \sum_i (b_{ik}-\bar b_k)^2}}

    Arguments:
        a: Shape (B, J).
        b: Shape (B, K), of the same dtype.

    Returns:
        Shape (J, K), in [-1, 1]; 0, with gradient 0, wherever a column's spread is
        rounding error.

    Raises:
        ValueError: if the two have different numbers of rows.
    """
    if len(a) != len(b):
        raise ValueError(f"both need one row per image, got {len(a)} and {len(b)} rows")
    return _unit(_scaled(a)).T @ _unit(_scaled(b))


def dependence(z, u, reading="powers"):
    """How far each latent goes with each factor at degree 1, where the rows are not those of all factors.

    Arguments:
        z: Latents, shape (B, J).
        u: Scaled factors, shape (B, K).
        reading: `powers` gives rho, with its sign, and `multiple` R, the same without.

    Returns:
        Shape (J, K).

    References:
        `explicitness` and `intra` are sums of it.
    """
    return _multiple(_scaled(z), _scaled(u), 1) if reading == "multiple" else pearson(z, u)


def explicitness(z, u, degree=1, reading="powers"):
    r"""How far each guided latent is from its own factor; 0 for a perfect code.

    .. math:: \sum_j \sum_{a \le K} \bigl(1 - \rho(z_j^a, u_j^a)\bigr)
              \quad\text{or}\quad \sum_j \bigl(1 - R(z_j \mid u_j, \dots, u_j^K)\bigr)

    Arguments:
        z: Means of z_aux, shape (B, K_f), one column per factor.
        u: Scaled factors, shape (B, K_f).
        degree: Largest power K; the authors' code has 1 here.
        reading: `powers` or `multiple`. `multiple` does not see a reversed sign.

    Returns:
        A scalar >= 0.

    Raises:
        ValueError: if shapes differ, the degree is below 1, or the reading is unknown.

    References:
        R_1 of Eqs. 6-9 of arXiv 2507.00298; chapter 4.
    """
    z, u = _prepared(z, u, degree, reading, same_columns=True)
    if reading == "multiple":
        return (1 - _multiple(z, u, degree).diagonal()).sum()
    return sum((1 - (_unit(z**a) * _unit(u**a)).sum(0)).sum() for a in range(1, degree + 1))


def intra(z, u, degree=1, reading="powers", owners=None):
    r"""How much each guided latent knows of the *other* factors; 0 for independent columns as B grows.

    .. math:: \sum_{j \ne k} \sum_{a, b \le K} |\rho(z_j^a, u_k^b)|
              \quad\text{or}\quad \sum_{j \ne k} R(z_j \mid u_k, \dots, u_k^K)

    Arguments:
        z, u, degree, reading: As in `explicitness`.
        owners: The number of the factor that each column belongs to, K_f of them. Columns
            of one factor, such as an angle's cosine and sine or a class's indicators,
            are tied to each other by construction: their pairs are left out. None means
            that each column is a factor.

    Raises:
        ValueError: as `explicitness` does.

    Returns:
        A scalar >= 0.

    References:
        R_0 of Eqs. 6-9 of arXiv 2507.00298; chapter 4.
    """
    z, u = _prepared(z, u, degree, reading, same_columns=True)
    dependence = _dependence(z, u, degree, reading)
    return _others(dependence, owners)


def inter(z_recon, u, degree=3, reading="powers", products=True):
    r"""How much the free latents know of the factors, averaged over the free latents.

    .. math:: \frac{1}{d-K_f} \sum_{j,k} \sum_{a, b \le K} |\rho(z_j^a, u_k^b)|
              \;+\; \frac{1}{d-K_f} \sum_{j} \sum_{i<k} |\rho(z_j, u_i u_k)|

    (`multiple` replaces the inner sum of the first term by R(z_j | u_k, ..., u_k^K).) The
    paper asks for no correlation between z_aux and z_recon, the authors' code penalises
    z_recon against u: pass z_aux as `u` for the former.

    Arguments:
        z_recon: Means of the free latents, shape (B, d - K_f); with none the value is 0.
        u: Scaled factors, shape (B, K_f).
        degree: Largest power K; the authors' code has 3 here.
        reading: `powers` or `multiple`.
        products: Include the pairwise products of factors, as the authors' code does.

    Returns:
        A scalar >= 0.

    Raises:
        ValueError: if the numbers of rows differ, the degree is below 1, or the reading
            is unknown.

    References:
        R_0 of Eqs. 6-9 of arXiv 2507.00298; chapter 4.
    """
    z_recon, u = _prepared(z_recon, u, degree, reading)
    if not z_recon.shape[1] or not u.shape[1]:
        return z_recon.new_zeros(())
    total = _dependence(z_recon, u, degree, reading).sum()
    if products:
        total = total + (_unit(z_recon).T @ _unit(_products(u))).abs().sum()
    return total / z_recon.shape[1]


def penalties(z, u, degree=3, reading="powers", owners=None):
    """All three at once: explicitness and intra at degree 1 on the first K_f latents, inter at `degree` on the others.

    Every column is standardised once and one matrix product gives all correlations, so that a training step spends
    little on them; the values are those of the three functions.

    Arguments:
        z: Latents, shape (B, d); the first K_f are guided.
        u: Scaled factors, shape (B, K_f).
        degree, reading: Of `inter`; the reading holds for all.
        owners: As in `intra`.

    Returns:
        Three scalars: explicitness, intra, inter.

    Raises:
        ValueError: as the three functions do.
    """
    K = u.shape[1]
    aux, recon = z[:, :K], z[:, K:]
    if reading != "powers" or not K:
        return (
            explicitness(aux, u, reading=reading),
            intra(aux, u, reading=reading, owners=owners),
            inter(recon, u, degree, reading),
        )
    _check(aux, u, degree, reading, same_columns=True)
    z, u = _scaled(z), _scaled(u)
    free = recon.shape[1]
    columns = _unit(torch.cat([z[:, :K], _powers(z[:, K:], degree)], dim=1) if free else z)
    rho = columns.T @ _unit(torch.cat([_powers(u, degree), _products(u)], dim=1) if free else u)
    own, powers, products = rho[:K, :K], rho[K:, : degree * K], rho[K : z.shape[1], degree * K :]
    diagonal = own.diagonal()
    known = (powers.abs().sum() + products.abs().sum()) / free if free else z.new_zeros(())
    return (1 - diagonal).sum(), _others(own.abs(), owners), known


def _others(dependence, owners):
    """The sum over pairs of a latent and a column that is not of its own factor."""
    if owners is None:
        return dependence.sum() - dependence.diagonal().sum()
    owner = torch.tensor(owners, device=dependence.device)
    return dependence[owner[:, None] != owner].sum()


def _prepared(z, u, degree, reading, same_columns=False):
    """Both, checked and scaled."""
    _check(z, u, degree, reading, same_columns)
    return _scaled(z), _scaled(u)


def _check(z, u, degree, reading, same_columns):
    if len(z) != len(u) or (same_columns and z.shape != u.shape):
        wanted = "one shape" if same_columns else "one row per image"
        raise ValueError(f"latents and factors need {wanted}, got {tuple(z.shape)} and {tuple(u.shape)}")
    if degree < 1:
        raise ValueError(f"degree must be at least 1, got {degree}")
    if reading not in READINGS:
        raise ValueError(f"unknown reading {reading!r}; choose one of {', '.join(READINGS)}")


def _scaled(x):
    """Columns times a power of two that brings them near 1, so that no power or square of theirs is lost to underflow.

    A power of two changes no digit, and no correlation depends on it.
    """
    if not len(x):
        return x
    largest = x.detach().abs().amax(0).clamp(min=torch.finfo(x.dtype).tiny)
    return x * (torch.frexp(largest).mantissa / largest)


def _dependence(z, u, degree, reading):
    """Dependence of each latent on each factor, shape (J, K), in either reading; all powers in one product."""
    if reading == "multiple":
        return _multiple(z, u, degree)
    J, K = z.shape[1], u.shape[1]
    rho = _unit(_powers(z, degree)).T @ _unit(_powers(u, degree))
    return rho.abs().view(degree, J, degree, K).sum((0, 2))


def _powers(x, degree):
    """Columns x, x^2, ..., x^degree, shape (B, degree * J), the power outermost."""
    powers = [x]
    while len(powers) < degree:
        powers.append(powers[-1] * x)
    return torch.cat(powers, dim=1)


def _products(u):
    """Columns u_i u_k of all pairs i < k, shape (B, K (K - 1) / 2)."""
    i, k = torch.triu_indices(u.shape[1], u.shape[1], offset=1)
    return u[:, i] * u[:, k]


def _multiple(z, u, degree):
    """Multiple correlation of each latent with the polynomial of each factor, shape (J, K)."""
    code, directions = _unit(z), []
    squares = code.new_zeros(z.shape[1], u.shape[1])
    for power in _unit(_powers(u, degree)).split(u.shape[1], dim=1):  # Gram-Schmidt, all factors at once
        for direction in directions:
            power = power - direction * (direction * power).sum(0)
        length2 = (power**2).sum(0)
        adds = length2 > (1e3 * torch.finfo(u.dtype).eps) ** 2  # or the power adds no direction
        directions.append(power * (torch.where(adds, length2, 1).rsqrt() * adds))
        squares = squares + (code.T @ directions[-1]) ** 2
    seen = squares > 0
    return torch.where(seen, squares, 1).sqrt() * seen


def _unit(x):
    """Centred columns of length 1; 0, with gradient 0, where spread is rounding error."""
    centred = x - x.mean(0)
    length2 = (centred**2).sum(0)
    eps = torch.finfo(x.dtype).eps
    noise = (16 * eps) ** 2 * (x.detach() ** 2).sum(0)
    varies = length2 > noise + torch.finfo(x.dtype).tiny
    return centred * (torch.where(varies, length2, 1).rsqrt() * varies)
