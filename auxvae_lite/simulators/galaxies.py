r"""Galaxies from five factors: an exponential disk, sheared, blurred by a Gaussian PSF, counted in pixels.

Everything happens in Fourier space, where shear, blur and pixel are products (chapter 1). At wave vector k (rad/arcsec)

.. math:: \tilde I(k) = F\,\bigl(1 + r_0^2 |S k|^2\bigr)^{-3/2}\; e^{-\sigma^2 |k|^2/2}\;
          \mathrm{sinc}(k_x p/2)\,\mathrm{sinc}(k_y p/2),\qquad
          S = \frac{1}{\sqrt{1-g^2}}\begin{pmatrix}1+g_1 & g_2\\ g_2 & 1-g_1\end{pmatrix}

and four small matrix products bring it to the pixel centres. The k-grid goes beyond Nyquist, since the pixels alias.
"""

import math

import numpy as np
import torch

from ..arrays import take
from .simulation import Simulation

__all__ = [
    "FACTORS",
    "NAMES",
    "PIXEL",
    "SIZE",
    "UNITS",
    "add_noise",
    "observe",
    "render",
    "sample",
    "simulate",
]

SIZE = 33  # pixels on a side
PIXEL = 0.2  # arcsec
FACTORS = {  # name: (lowest, highest, unit), the paper's ranges
    "flux": (1e4, 1e5, "counts"),
    "radius": (0.1, 1.0, "arcsec"),
    "g1": (-0.5, 0.5, "1"),
    "g2": (-0.5, 0.5, "1"),
    "psf": (0.2, 0.4, "arcsec"),
}
NAMES = tuple(FACTORS)
UNITS = tuple(unit for _, _, unit in FACTORS.values())
FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))
CONSTANT_SEED = 150000  # the authors' seed, shared by all their images


def sample(n, seed):
    """Draw `n` galaxies' factors from a Latin hypercube over the paper's ranges.

    Arguments:
        n: Number of galaxies, at least 1.
        seed: Integer seed; the same seed gives the same rows on any machine.

    Returns:
        Array of shape (n, 5), float64; columns flux (counts), radius (arcsec), g1, g2, psf (FWHM, arcsec).

    Raises:
        ValueError: if `n` is below 1.

    Example:
        >>> sample(4, seed=0).shape
        (4, 5)

    References:
        Section 4 of arXiv 2507.00298; chapter 1.
    """
    from scipy.stats import qmc  # slow to import

    if n < 1:
        raise ValueError(f"n must be at least 1 galaxy, got {n}")
    low, high, _ = zip(*FACTORS.values(), strict=True)
    return qmc.scale(qmc.LatinHypercube(d=len(FACTORS), rng=np.random.default_rng(seed)).random(n), low, high)


def render(factors, period=96, cutoff=2.0, dtype=torch.float32, chunk=8):
    r"""Expected counts of galaxies, without noise; differentiable in every factor.

    Arguments:
        factors: Shape (n, 5): flux (counts), radius (arcsec), g1, g2, psf (FWHM, arcsec).
        period: Side of the periodic box, in pixels. A larger box costs time and lowers wrap-around.
        cutoff: Largest \|k_x\| and \|k_y\|, in units of the pixel grid's Nyquist frequency.
        dtype: Precision of the computation, and of the result.
        chunk: Images per batch of matrix products; it changes the speed alone.

    Returns:
        Tensor of shape (n, 1, 33, 33). Agrees with GalSim at tight settings to 2e-4 of the peak in float32 at the
        default grid, and to 1e-6 in float64 at `period=512, cutoff=3.5`. Truncation leaves values slightly below 0.

    Raises:
        ValueError: naming the first row that is no galaxy: not finite, flux, radius or psf not above 0, shear not
            below 1.

    References:
        GalSim's `Exponential`, `shear`, `Gaussian` and `drawImage` (Rowe et al. 2015) at its limit of precision;
        chapter 1.
    """
    if isinstance(factors, np.ma.MaskedArray):
        factors = take(factors, "factors", names=NAMES)
    factors = torch.as_tensor(factors, dtype=dtype)
    _check_factors(factors)
    basis = _Basis(period, cutoff, dtype)
    images = torch.cat([basis.draw(rows) for rows in factors.split(chunk)])
    return images.unsqueeze(1)


def add_noise(clean, seed, constant=False):
    """Poisson counts around `clean`, each image with a seed of its own.

    Arguments:
        clean: Expected counts, shape (n, ...); the renderer's values below 0 count as 0.
        seed: Image i draws from the stream (seed, i), whatever n is.
        constant: Give every image the same stream, as the authors' code does; the noise
            is then a deterministic function of the factors (chapter 1).

    Returns:
        float32 array of the shape of `clean`; whole numbers.
    """
    clean = np.asarray(clean)
    noisy = np.empty(clean.shape, dtype=np.float32)
    for i, expected in enumerate(clean):
        stream = np.random.default_rng(CONSTANT_SEED if constant else (seed, i))
        noisy[i] = stream.poisson(np.maximum(expected, 0, dtype=np.float64))
    return noisy


def simulate(n, seed, constant_noise=False):
    """Sample, render and add noise: `FactorDataset(*simulate(16384, seed=0))` is the book's data set.

    Arguments:
        n: Number of galaxies.
        seed: Seed of the factors and of the noise.
        constant_noise: See `add_noise`.

    Returns:
        A `Simulation` with images of shape (n, 1, 33, 33).
    """
    factors = sample(n, seed)
    with torch.no_grad():
        clean = render(factors).numpy().clip(0, None)
    return observe(factors, clean, seed, constant_noise)


def observe(factors, clean, seed, constant_noise=False, engine="auxvae_lite"):
    """Add noise to expected counts, whatever drew them, and note how the images came about.

    Arguments:
        factors: Shape (n, 5).
        clean: Expected counts, shape (n, 1, 33, 33).
        seed, constant_noise: See `add_noise`.
        engine: Name of what drew `clean`.

    Returns:
        A `Simulation`.
    """
    provenance = {"simulator": "galaxies", "engine": engine, "seed": seed, "constant_noise": constant_noise}
    return Simulation(add_noise(clean, seed, constant_noise), factors, NAMES, UNITS, clean, provenance)


def _check_factors(factors):
    if factors.ndim != 2 or factors.shape[1] != len(FACTORS):
        raise ValueError(f"factors must have shape (n, {len(FACTORS)}): {', '.join(NAMES)}; got {tuple(factors.shape)}")
    flux, radius, g1, g2, psf = factors.detach().unbind(1)
    possible = (flux > 0) & (radius > 0) & (psf > 0) & (g1**2 + g2**2 < 1) & factors.detach().isfinite().all(1)
    if not possible.all():
        row = int((~possible).nonzero()[0])
        values = ", ".join(f"{name}={value:g}" for name, value in zip(NAMES, factors[row].tolist(), strict=True))
        raise ValueError(
            f"row {row} is no galaxy: {values}. flux, radius and psf must be above 0, g1**2 + g2**2 below 1, all finite"
        )


class _Basis:
    """Cosines and sines that carry a quarter of the k-plane to the pixel centres.

    The transform is real and even, I(-k) = I(k), so the quadrant k_x, k_y >= 0 holds all:
    the sum over the plane of I(k) cos(k.x) is the sum over the quadrant of
    (I(kx, ky) + I(kx, -ky)) cos cos - (I(kx, ky) - I(kx, -ky)) sin sin.
    """

    def __init__(self, period, cutoff, dtype):
        m = torch.arange(int(period * cutoff / 2) + 1, dtype=torch.float64)
        k = 2 * math.pi * m / (period * PIXEL)  # rad/arcsec
        x = PIXEL * (torch.arange(SIZE, dtype=torch.float64) - SIZE // 2)
        # the pixel's transform, and the sum's 1/period
        pixel = torch.sinc(k * PIXEL / (2 * math.pi)) / period
        pixel[1:] *= 2  # k and -k
        self.cos = (torch.cos(x[:, None] * k) * pixel).to(dtype)  # (33, M)
        self.sin = (torch.sin(x[:, None] * k) * pixel).to(dtype)
        self.k = k.to(dtype)

    def draw(self, factors):
        columns = (column[:, None, None] for column in factors.unbind(1))
        flux, radius, g1, g2, psf = columns  # (n, 1, 1) each
        ky, kx = self.k[:, None], self.k
        norm = radius**2 / (1 - g1**2 - g2**2)
        # 1 + r0^2 |Sk|^2 = along + across, or along - across where kx ky < 0
        along = 1 + norm * ((1 + g1) ** 2 + g2**2) * kx**2
        along = along + norm * ((1 - g1) ** 2 + g2**2) * ky**2
        across = 4 * norm * g2 * kx * ky
        plus, minus = (along + across).rsqrt(), (along - across).rsqrt()
        # the power -3/2, faster than pow
        plus, minus = plus * plus * plus, minus * minus * minus
        # (n, 1, M); a Gaussian is a product over x and y
        blur = torch.exp(-0.5 * (psf / FWHM_PER_SIGMA * self.k) ** 2)
        cos, sin = blur * self.cos, blur * self.sin  # (n, 33, M)
        even = cos @ (plus + minus) @ (0.5 * flux * cos).mT
        odd = sin @ (plus - minus) @ (0.5 * flux * sin).mT
        return even - odd
