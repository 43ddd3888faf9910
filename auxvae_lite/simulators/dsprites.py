r"""dSprites, re-rendered: a white square, ellipse or heart on black, from five factors.

All 258 frames of the original that we could compare are equal, bit for bit.

A pixel is white where its centre, at +0.5, lies inside the outline; nothing is smoothed. With dx and dy from the
sprite's centre (16 + 32 posX, 16 + 32 posY), y down, scale s and orientation t,

.. math:: u = (\cos t\,dx - \sin t\,dy)/s, \qquad v = (\sin t\,dx + \cos t\,dy)/s

and the outlines in (u, v) are those of `OUTLINES`.
"""

import math

import numpy as np

from ..arrays import take
from .simulation import Simulation, places

__all__ = [
    "FACTORS",
    "NAMES",
    "OUTLINES",
    "SHAPES",
    "SIZE",
    "SYMMETRY",
    "UNITS",
    "Sprites",
    "orientation_codes",
    "render",
    "simulate",
]

SIZE = 64  # pixels on a side
CHUNK = 64  # images drawn at a time
SHAPES = ("square", "ellipse", "heart")
FACTORS = {  # name: (its values, unit), slowest first
    "shape": (np.arange(3.0), "class"),
    "scale": (np.linspace(0.5, 1, 6), "1"),
    "orientation": (np.linspace(0, 2 * math.pi, 40), "rad"),
    "posX": (np.linspace(0, 1, 32), "1"),
    "posY": (np.linspace(0, 1, 32), "1"),
}
NAMES = tuple(FACTORS)
UNITS = tuple(unit for _, unit in FACTORS.values())
COUNTS = tuple(len(values) for values, _ in FACTORS.values())
SYMMETRY = np.array([4, 2, 1])  # turns by 1/4, 1/2 and 1 of a circle show the same square, ellipse and heart


def _outlines():
    half = 9.598  # half the square's side, pixels
    a = 2 * math.pi * np.arange(72) / 72
    b = 2 * math.pi * np.arange(150) / 150
    x = 16 * np.sin(b) ** 3
    y = 13 * np.cos(b) - 5 * np.cos(2 * b) - 2 * np.cos(3 * b) - np.cos(4 * b)
    return {
        "square": np.array([[-half, -half], [half, -half], [half, half], [-half, half]]),
        "ellipse": np.stack([12.775 * np.cos(a), 7.22 * np.sin(a)], axis=1),
        "heart": np.stack([0.6 * x, -0.66225 * y - 1.44], axis=1),
    }


OUTLINES = _outlines()  # corners (m, 2) in pixels at scale 1, orientation 0, y down


def render(factors):
    """Sprites with given factors, on the set's grid or off it.

    Arguments:
        factors: Shape (n, 5): shape (0 square, 1 ellipse, 2 heart), scale, orientation (rad), posX, posY. Positions
            0 and 1 put the centre a quarter of the frame inside; beyond, the frame cuts the sprite off.

    Returns:
        uint8 array of zeros and ones, shape (n, 1, 64, 64).

    Raises:
        ValueError: naming the first row that is no sprite: not finite, no such shape, or scale not above 0.

    Example:
        >>> heart = render([[2, 1, 0, 0.5, 0.5]])
        >>> heart.shape, int(heart.sum())
        ((1, 1, 64, 64), 222)

    References:
        Matthey, Higgins, Hassabis and Lerchner, dSprites, 2017; a test compares 258 of its frames. Chapter 11.
    """
    factors = _unmasked(factors)
    _check_factors(factors)
    images = np.empty((len(factors), 1, SIZE, SIZE), dtype=np.uint8)
    for shape, outline in enumerate(OUTLINES.values()):
        rows = np.flatnonzero(factors[:, 0] == shape)
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            images[part, 0] = _fill(*_corners(outline, *factors[part, 1:].T[..., None]))
    return images


def _corners(outline, scale, orientation, pos_x, pos_y):
    """Corners of the outline on the pixel grid, x and y of shape (n, m)."""
    u, v = outline.T
    cos, sin = np.cos(orientation), np.sin(orientation)
    x = 16 + 32 * pos_x + scale * (cos * u + sin * v)
    y = 16 + 32 * pos_y + scale * (cos * v - sin * u)
    return x, y


def _fill(x, y):
    """Pixels whose centres lie inside n polygons, shape (n, 64, 64), by the even-odd rule.

    An edge toggles, in each row of centres that it crosses, every pixel to its right.
    """
    n, m = x.shape
    x1, y1 = np.roll(x, -1, axis=1), np.roll(y, -1, axis=1)
    low, high = (np.ceil(f(y, y1) - 0.5).clip(0, SIZE).astype(np.int64).ravel() for f in (np.minimum, np.maximum))
    crossings = high - low
    edge = np.repeat(np.arange(n * m), crossings)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(crossings) - crossings - low, crossings)
    x, y, x1, y1 = (a.ravel()[edge] for a in (x, y, x1, y1))
    at = x + (row + 0.5 - y) * ((x1 - x) / (y1 - y))
    column = np.ceil(at - 0.5).clip(0, SIZE).astype(np.int64)
    toggles = np.bincount(((edge // m) * SIZE + row) * (SIZE + 1) + column, minlength=n * SIZE * (SIZE + 1))
    toggles = (toggles & 1).astype(np.uint8).reshape(n, SIZE, SIZE + 1)
    return np.bitwise_xor.accumulate(toggles, axis=2)[:, :, :SIZE]


def _unmasked(factors):
    """float64; what lies behind a mask is not used."""
    if isinstance(factors, np.ma.MaskedArray):
        factors = take(factors, "factors", names=NAMES)
    return np.asarray(factors, dtype=np.float64)


def _check_factors(factors):
    if factors.ndim != 2 or factors.shape[1] != len(FACTORS):
        raise ValueError(f"factors must have shape (n, {len(FACTORS)}): {', '.join(NAMES)}; got {factors.shape}")
    possible = np.isin(factors[:, 0], range(len(SHAPES))) & (factors[:, 1] > 0) & np.isfinite(factors).all(1)
    if not possible.all():
        row = int(np.argmin(possible))
        values = ", ".join(f"{name}={value:g}" for name, value in zip(NAMES, factors[row], strict=True))
        raise ValueError(f"row {row} is no sprite: {values}. shape must be 0, 1 or 2, scale above 0, all finite")


class Sprites:
    """The whole set, 737,280 images in the official order, each drawn when it is asked for.

    Index it like an array: `Sprites()[5]` is one image (1, 64, 64), `Sprites()[:100]` are a hundred. posY varies
    fastest, then posX, orientation, scale and shape.

    Arguments:
        images: The official array, shape (737280, 64, 64), to read instead of drawing (`official.dsprites`).

    Raises:
        ValueError: for images of another shape.

    Example:
        >>> sprites = Sprites()
        >>> len(sprites), sprites[[0, -1]].shape, sprites.classes([0, -1]).tolist()
        (737280, (2, 1, 64, 64), [[0, 0, 0, 0, 0], [2, 5, 39, 31, 31]])

    References:
        Chapter 11.
    """

    def __init__(self, images=None):
        if images is not None and images.shape != (len(self), SIZE, SIZE):
            raise ValueError(f"dSprites are images of shape {(len(self), SIZE, SIZE)}, got {images.shape}")
        self.images = images

    def __len__(self):
        return math.prod(COUNTS)

    def __getitem__(self, index):
        rows = places(index, len(self))
        if self.images is None:
            images = render(self.factors(rows))
        else:
            rising, where = np.unique(rows, return_inverse=True)  # as HDF5 wants them
            images = self.images[rising][where][:, None]
        return images if np.ndim(index) or isinstance(index, slice) else images[0]

    def classes(self, index):
        """Number of each factor's value, int64, shape (n, 5); the official `latents_classes` without the colour.

        Raises:
            IndexError: beyond the set.
        """
        return np.stack(np.unravel_index(places(index, len(self)), COUNTS), axis=1)

    def factors(self, index):
        """Factors in their units, float64, shape (n, 5).

        They are the official `latents_values` without the colour, with shapes numbered from 0 instead of 1.
        """
        columns = zip(FACTORS.values(), self.classes(index).T, strict=True)
        return np.stack([values[column] for (values, _), column in columns], axis=1)

    def sample(self, n, seed):
        """`n` different rows, at random.

        Arguments:
            n: Number of rows.
            seed: Which; the same rows from the official file and from ours.

        Returns:
            A `Simulation` of images (n, 1, 64, 64).

        Raises:
            ValueError: unless `n` is from 1 to 737,280.
        """
        if not 1 <= n <= len(self):
            raise ValueError(f"n must be from 1 to {len(self)}, got {n}")
        rows = np.random.default_rng(seed).choice(len(self), n, replace=False)
        engine = "auxvae_lite" if self.images is None else "official file"
        provenance = {"simulator": "dsprites", "engine": engine, "seed": seed}
        return Simulation(self[rows], self.factors(rows), NAMES, UNITS, None, provenance)


def simulate(n, seed):
    """`Sprites().sample(n, seed)`: `FactorDataset(*simulate(20000, seed=0))` is the book's kind of data set."""
    return Sprites().sample(n, seed)


def orientation_codes(factors):
    r"""What a picture tells of the orientation t: cos(s t) and sin(s t).

    s is 4, 2, 1 for square, ellipse, heart. A square turned by a quarter is the same
    square, so t itself cannot be learned from the picture; these can.

    Arguments:
        factors: Shape (n, 5), as in `render`.

    Returns:
        float64 array of shape (n, 2).

    References:
        Chapter 11.
    """
    factors = _unmasked(factors)
    _check_factors(factors)
    turns = SYMMETRY[factors[:, 0].astype(int)] * factors[:, 2]
    return np.stack([np.cos(turns), np.sin(turns)], axis=1)
