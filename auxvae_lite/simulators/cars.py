r"""Cars3D-lite: cars of our own on the grid of Cars3D, 4 elevations x 24 azimuths x N identities, 64x64 RGB.

Not Cars3D: an identity is five known numbers, the shape is some sixty flat faces, and the camera is far away. A car's
axes are x forward, y to its left, z up, in metres. With azimuth a and elevation e, a point lies in the picture at

.. math:: \text{right} = x \sin a + y \cos a, \qquad
          \text{up} = (z - 0.62) \cos e - (x \cos a - y \sin a) \sin e

and of two points there, the one with the larger z sin e + (x cos a - y sin a) cos e is in front. So azimuth 0 shows the
front, and 90 degrees the car's right side, its front to the right.
"""

import itertools
import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .simulation import Simulation, places

__all__ = [
    "AZIMUTHS",
    "ELEVATIONS",
    "GRID",
    "NAMES",
    "PARAMETERS",
    "SIZE",
    "UNITS",
    "Cars",
    "identities",
    "picture",
    "project",
    "rasterise",
    "render",
    "simulate",
]

SIZE = 64  # pixels on a side
ELEVATIONS = (8.0, 18.0, 28.0, 38.0)  # degrees above the ground: all four show side and roof
AZIMUTHS = tuple(15.0 * step for step in range(24))  # degrees
PARAMETERS = {  # name: (lowest, highest, unit) of what makes a car this one
    "length": (3.4, 5.0, "m"),
    "height": (1.3, 1.9, "m"),
    "cabin": (0.0, 1.0, "1"),  # 0: the roof ends above the rear seats; 1: at the tail
    "lightness": (0.3, 0.75, "1"),  # of the paint
    "warmth": (-1.0, 1.0, "1"),  # of the paint, from blue to red
}
NAMES = ("elevation", "azimuth_cos", "azimuth_sin", *PARAMETERS)
UNITS = ("deg", "1", "1", *(unit for _, _, unit in PARAMETERS.values()))
WIDTH, BOTTOM, BELT = 1.75, 0.28, 0.88  # metres: the body's width, underside, and the height where windows begin
WHEEL, TYRE = 0.33, 0.22  # radius and width, metres
SCALE = 11.3  # pixels per metre
SAMPLES = 3  # on a pixel's side
GRID = (np.arange(SIZE * SAMPLES) + 0.5 - SIZE * SAMPLES / 2) / (SCALE * SAMPLES)  # places of the samples, metres
MIDDLE = 0.62  # height that comes to the middle of the picture, metres
CHUNK = 32  # pictures prepared at a time
BACKGROUND = 0.96  # grey
SHADOW, GLASS, RUBBER, STEEL = (0.80,) * 3, (0.16, 0.20, 0.25), (0.10, 0.10, 0.10), (0.62, 0.62, 0.64)
HEADLIGHT, TAIL_LIGHT, GRILLE, PLATE = (1.0, 0.97, 0.75), (0.80, 0.05, 0.05), (0.12, 0.12, 0.13), (0.95, 0.95, 0.90)
GLOWING = (SHADOW, HEADLIGHT, TAIL_LIGHT, PLATE)  # not shaded


def identities(n, seed):
    """Draw `n` cars from a Latin hypercube over `PARAMETERS`.

    Arguments:
        n: Number of cars.
        seed: Seed of the draw.

    Returns:
        float64 array of shape (n, 5): length (m), height (m), cabin, lightness, warmth.

    Raises:
        ValueError: if `n` is below 1.

    Example:
        >>> identities(3, seed=0).shape
        (3, 5)

    References:
        Chapter 12.
    """
    from scipy.stats import qmc  # slow to import

    if n < 1:
        raise ValueError(f"n must be at least 1 car, got {n}")
    low, high, _ = zip(*PARAMETERS.values(), strict=True)
    return qmc.scale(qmc.LatinHypercube(d=len(PARAMETERS), rng=np.random.default_rng(seed)).random(n), low, high)


def render(parameters, elevation, azimuth):
    """Pictures of cars, from any side.

    Arguments:
        parameters: Shape (n, 5), as `identities` gives them.
        elevation: Of the camera above the ground, degrees, shape (n,) or a number; 0 to 90.
        azimuth: Degrees, shape (n,) or a number; 0 shows the front, 90 the right side.

    Returns:
        uint8 array of shape (n, 3, 64, 64), 0 to 255.

    Raises:
        ValueError: naming the first row that is no car or cannot be seen from there.

    Example:
        >>> render(identities(2, seed=0), 20, 45).shape
        (2, 3, 64, 64)

    References:
        Chapter 12.
    """
    parameters = np.asarray(parameters, dtype=np.float64)
    if parameters.ndim != 2 or parameters.shape[1] != len(PARAMETERS):
        names = ", ".join(PARAMETERS)
        raise ValueError(f"parameters must have shape (n, {len(PARAMETERS)}): {names}; got {parameters.shape}")
    n = len(parameters)
    angles = [np.asarray(a, dtype=np.float64) for a in (elevation, azimuth)]
    for name, angle in zip(("elevation", "azimuth"), angles, strict=True):
        if angle.shape not in ((), (n,)):
            raise ValueError(f"{name} must be one number or one for each of {n} cars, got shape {angle.shape}")
    angles = [np.broadcast_to(angle, n) for angle in angles]
    _check(parameters, *angles)
    images = np.empty((n, 3, SIZE, SIZE), dtype=np.uint8)
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        images[part] = _draw(_car(*parameters[part].T), *np.radians([a[part] for a in angles]))
    return images


class _Faces(NamedTuple):
    """Flat convex faces of n cars: `corners` (M, 3, n), where each face's begin (F,), its colour (F, 3, n), a point
    that it hides (F, 3, n), and whether light changes it (F,)."""

    corners: np.ndarray
    starts: np.ndarray
    colours: np.ndarray
    behind: np.ndarray
    shaded: np.ndarray


def _car(length, height, cabin, lightness, warmth):
    """The faces of n cars."""
    paint = (lightness + 0.3 * warmth, lightness - 0.15 * np.abs(warmth), lightness - 0.3 * warmth)
    front, rear, side = length / 2, -length / 2, WIDTH / 2
    nose, tail = BELT - 0.16, BELT - 0.03  # heights of the ends
    screen = front - 0.25 * length  # where the windscreen stands on the bonnet
    crown = screen - 0.14 * length  # where it meets the roof
    back = rear + 0.1 + 0.24 * length * (1 - cabin)  # where the roof ends
    window = back - 0.05 - 0.09 * length * (1 - cabin)  # where the rear window stands
    roof, proud = 0.76 * side, 0.015  # half the roof's width; what lies on a face stands out by that
    faces = []

    def add(colour, corners, behind=(0, 0, 0.6)):
        faces.append((colour, corners, behind))

    def across(colour, a, b):  # from left to right, between two points (x, half width, z)
        add(colour, [(a[0], -a[1], a[2]), a, b, (b[0], -b[1], b[2])])

    def sides(colour, corners, behind=(0, 0, 0.6)):  # a face on the left and its mirror image
        for sign in (1, -1):
            mirrored = [(x, sign * y, z) for x, y, z in corners]
            add(colour, mirrored, (behind[0], sign * behind[1], behind[2]))

    add(SHADOW, [(1.05 * front * c, 1.2 * side * s, 0) for c, s in _circle(16)], (0, 0, -1))
    body = [(front, BOTTOM), (front, nose), (screen, BELT), (window, BELT), (rear, tail), (rear, BOTTOM)]
    sides(paint, [(x, side, z) for x, z in body])
    house = [(screen, 0.96 * side, BELT), (crown, roof, height), (back, roof, height), (window, 0.96 * side, BELT)]
    sides(paint, house)
    for a, b in [*pairwise((x, side, z) for x, z in body), *pairwise(house)]:
        across(paint, a, b)
    for bottom, top, ahead in ((*house[:2], proud), (*house[:1:-1], -proud)):  # windscreen and rear window
        panes = [_between(bottom, top, t) for t in (0.1, 0.9)]
        across(GLASS, *((x + ahead, 0.88 * y, z + proud) for x, y, z in panes))
    low, high = ([_between(house[0], house[1], t), _between(house[3], house[2], t)] for t in (0.14, 0.88))
    for start, end in ((0.07, 0.47), (0.53, 0.93)):  # side windows
        corners = [_between(*low, start), _between(*low, end), _between(*high, end), _between(*high, start)]
        sides(GLASS, [(x, y + proud, z) for x, y, z in corners])
    for end, ahead, lamp, top in ((front, 1, HEADLIGHT, nose), (rear, -1, TAIL_LIGHT, tail)):
        x, upper, lower = end + ahead * proud, top - 0.05, top - 0.21
        sides(lamp, [(x, y, z) for y, z in _rectangle(0.5 * side, 0.97 * side, lower, upper)])
        sides(lamp, [(x, side + proud, z) for x, z in _rectangle(end - 0.2 * ahead, end, lower, upper)])
        across(PLATE, (x, 0.25, BOTTOM + 0.1), (x, 0.25, BOTTOM + 0.22))
    across(GRILLE, (front + proud, 0.42 * side, nose - 0.2), (front + proud, 0.42 * side, nose - 0.06))
    for x in (front - 0.17 * length, rear + 0.18 * length):
        rim, hub, y = [(WHEEL * c, WHEEL * s) for c, s in _circle(10)], (x, 0, WHEEL), side + 0.02
        sides(RUBBER, [(x + a, y, WHEEL + b) for a, b in rim], hub)
        sides(STEEL, [(x + 0.55 * a, y + proud, WHEEL + 0.55 * b) for a, b in rim], hub)
        for (a, b), (c, d) in pairwise([*rim, rim[0]]):
            if min(b, d) < 0:  # the body hides the tread's upper half
                tread = [(a, y, b), (c, y, d), (c, y - TYRE, d), (a, y - TYRE, b)]
                sides(RUBBER, [(x + a, y, WHEEL + b) for a, y, b in tread], (x, y - TYRE / 2, WHEEL))
    return _stack(faces, len(length))


def _stack(faces, n):
    colours, corners, behind = zip(*faces, strict=True)
    arrays = [np.array([[np.broadcast_to(v, n) for v in row] for row in rows], dtype=np.float64)
              for rows in (itertools.chain(*corners), colours, behind)]  # fmt: skip
    starts = np.cumsum([0, *map(len, corners[:-1])])
    shaded = np.array([not any(colour is other for other in GLOWING) for colour in colours])
    return _Faces(arrays[0], starts, *arrays[1:], shaded)


def _circle(corners):
    return [(math.cos(t), math.sin(t)) for t in 2 * math.pi * (np.arange(corners) + 0.5) / corners]


def _rectangle(x0, x1, y0, y1):
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def _between(a, b, t):
    return tuple(p + t * (q - p) for p, q in zip(a, b, strict=True))


def project(points, elevation, azimuth):
    """Where points in a car's axes lie as the camera sees them.

    Arguments:
        points: x forward, y left, z up, in metres, shape (m, 3, n) or, for the same
            points in n pictures, (m, 3, 1).
        elevation, azimuth: Radians, shape (n,).

    Returns:
        right, up (from the picture's middle) and near (towards the camera), in metres,
        shape (3, m, n).
    """
    sin_a, cos_a = np.sin(azimuth), np.cos(azimuth)
    sin_e, cos_e = np.sin(elevation), np.cos(elevation)
    x, y, z = points.transpose(1, 0, 2)
    near = x * cos_a - y * sin_a
    up = (z - MIDDLE) * cos_e - near * sin_e
    return np.stack([x * sin_a + y * cos_a, up, z * sin_e + near * cos_e])


def rasterise(corners, starts, elevation, azimuth, behind=None):
    """Which face is nearest at each sample of n pictures, and the light on each face.

    Arguments:
        corners: The flat convex faces' corners in order, metres, shape (M, 3, n) or (M, 3, 1), as in `project`.
        starts: Where each face's corners begin, shape (F,).
        elevation, azimuth: Radians, shape (n,).
        behind: A point on the hidden side of each face, shape (F, 3, n); without it, faces are seen from both sides.

    Returns:
        Faces by number, F for none, n arrays of shape (192, 192), three samples to a pixel's side, rows upwards, sample
        i at `GRID[i]` metres; and light from 0.5 to 1, shape (F, n).
    """
    p = project(corners, elevation, azimuth)
    after = np.arange(1, p.shape[1] + 1)  # the next corner of the same face
    after[np.append(starts[1:], p.shape[1]) - 1] = starts
    q = p[:, after]
    cross = [(p[i] - q[i]) * (p[j] + q[j]) for i, j in ((1, 2), (2, 0), (0, 1))]
    normal = np.stack([np.add.reduceat(c, starts) for c in cross])  # Newell's, (3, F, n)
    if behind is None:
        outwards = np.where(normal[2] < 0, -1, 1)
    else:
        outwards = np.where((normal * (p[:, starts] - project(behind, elevation, azimuth))).sum(0) < 0, -1, 1)
    normal *= outwards / np.sqrt((normal**2).sum(0))
    light = 0.5 + 0.5 * np.maximum(0, 0.8 * normal[1] + 0.6 * normal[2])  # from above the camera
    dx, dy = (q - p)[:2] * np.repeat(outwards, np.diff(np.append(starts, p.shape[1])), axis=0)
    edges = np.stack([dy, dx, dy * p[0] - dx * p[1]])  # a corner's edge has a point inside where dx y - dy x + c >= 0
    flat = np.where(np.abs(normal[2]) > 1e-9, normal[2], np.inf)
    slope = -normal[:2] / flat  # towards the camera = height + slope . (right, up)
    height = p[2, starts] - (slope * p[:2, starts]).sum(0)
    low, high = (f.reduceat(p[:2], starts, axis=1) for f in (np.minimum, np.maximum))
    owners = [
        _fill(edges[..., i], starts, (normal[2, :, i] > 1e-9), np.stack([height[:, i], *slope[..., i]], axis=1),
              low[..., i], high[..., i])
        for i in range(len(azimuth))
    ]  # fmt: skip
    return owners, light


def _fill(edges, starts, visible, planes, low, high):
    """The nearest face at each sample of one picture, shape (192, 192)."""
    shape, none = (len(GRID), len(GRID)), len(starts)
    depth, owner = np.full(shape, -np.inf), np.full(shape, none)
    begin, end = (np.searchsorted(GRID, a).tolist() for a in (low, high))
    last = [*starts[1:], edges.shape[1]]
    for face in np.flatnonzero(visible):
        columns, rows = (slice(begin[axis][face], end[axis][face]) for axis in (0, 1))
        x, y = GRID[columns], GRID[rows]
        nearer, slope_x, slope_y = planes[face]
        plane = np.add.outer(nearer + slope_y * y, slope_x * x)
        inside = plane > depth[rows, columns]
        for dy, dx, c in edges[:, starts[face] : last[face]].T:
            inside &= np.greater_equal.outer(dx * y + c, dy * x)
        np.copyto(depth[rows, columns], plane, where=inside)
        owner[rows, columns][inside] = face
    return owner


def picture(palette, index):
    """Means over a pixel's samples, each of which has one of the colours of a palette.

    Arguments:
        palette: Red, green and blue from 0 to 1, shape (m, 3).
        index: Which of them, shape (192, 192), rows upwards.

    Returns:
        uint8 array of shape (3, 64, 64), rows downwards.
    """
    means = sum(palette[index[i::SAMPLES, j::SAMPLES]] for i in range(SAMPLES) for j in range(SAMPLES)) / SAMPLES**2
    return np.rint(255 * means[::-1]).astype(np.uint8).transpose(2, 0, 1)


def _draw(faces, elevation, azimuth):
    """Pictures of n cars, shape (n, 3, 64, 64)."""
    owners, light = rasterise(faces.corners, faces.starts, elevation, azimuth, faces.behind)
    colours = (faces.colours * np.where(faces.shaded[:, None], light, 1)[:, None]).clip(0, 1)
    palettes = np.append(colours, np.full((1, 3, len(owners)), BACKGROUND), axis=0)
    return np.stack([picture(palettes[..., i], owner) for i, owner in enumerate(owners)])


def _check(parameters, elevation, azimuth):
    low, high, _ = zip(*PARAMETERS.values(), strict=True)
    possible = ((parameters >= low) & (parameters <= high)).all(1)
    possible &= (elevation >= 0) & (elevation <= 90) & np.isfinite(azimuth)
    if not possible.all():
        row = int(np.argmin(possible))
        given = dict(zip(PARAMETERS, parameters[row], strict=True))
        given |= {"elevation": elevation[row], "azimuth": azimuth[row]}
        values = ", ".join(f"{name}={value:g}" for name, value in given.items())
        ranges = ", ".join(f"{name} {a:g} to {b:g}" for name, (a, b, _) in PARAMETERS.items())
        raise ValueError(f"row {row} cannot be drawn: {values}. Allowed are {ranges}, elevation 0 to 90, all finite")


class Cars:
    """Every picture of N cars, in the order elevation, azimuth, object, the last fastest; drawn when it is asked for.

    Index it like an array: `Cars()[5]` is one picture (3, 64, 64), `Cars()[:100]` are a hundred.

    Arguments:
        number: Of cars, N; 183 is Cars3D's.
        seed: Which cars: `identities(N, seed)`.

    Attributes:
        parameters: The cars, shape (N, 5).

    Raises:
        ValueError: if there is not at least one car.

    Example:
        >>> fleet = Cars()
        >>> len(fleet), fleet[[0, -1]].shape, fleet.classes([0, -1]).tolist()
        (17568, (2, 3, 64, 64), [[0, 0, 0], [3, 23, 182]])

    References:
        The grid: Reed et al., Deep Visual Analogy-Making, 2015. Chapter 12.
    """

    def __init__(self, number=183, seed=0):
        self.parameters = identities(number, seed)
        self.seed = seed

    def __len__(self):
        return math.prod(self._counts())

    def __getitem__(self, index):
        elevation, azimuth, car = self.classes(index).T
        images = render(self.parameters[car], np.take(ELEVATIONS, elevation), np.take(AZIMUTHS, azimuth))
        return images if np.ndim(index) or isinstance(index, slice) else images[0]

    def classes(self, index):
        """Number of elevation, azimuth and car, int64, shape (n, 3).

        Raises:
            IndexError: beyond the set.
        """
        return np.stack(np.unravel_index(places(index, len(self)), self._counts()), axis=1)

    def factors(self, index):
        """Factors in the order of `NAMES`, float64, shape (n, 8)."""
        elevation, azimuth, car = self.classes(index).T
        angle = np.radians(np.take(AZIMUTHS, azimuth))
        return np.column_stack([np.take(ELEVATIONS, elevation), np.cos(angle), np.sin(angle), self.parameters[car]])

    def sample(self, n, seed):
        """`n` different rows, at random.

        Arguments:
            n: Number of rows.
            seed: Which, and their order.

        Returns:
            A `Simulation` of images (n, 3, 64, 64).

        Raises:
            ValueError: unless `n` is from 1 to the number of pictures.
        """
        if not 1 <= n <= len(self):
            raise ValueError(f"n must be from 1 to {len(self)}, got {n}")
        rows = np.random.default_rng(seed).choice(len(self), n, replace=False)
        provenance = {"simulator": "cars", "set": "Cars3D-lite", "cars": len(self.parameters)}
        provenance |= {"cars_seed": self.seed, "seed": seed}
        return Simulation(self[rows], self.factors(rows), NAMES, UNITS, None, provenance)

    def _counts(self):
        return len(ELEVATIONS), len(AZIMUTHS), len(self.parameters)


def simulate(n, seed, number=183):
    """`Cars(number).sample(n, seed)`: `FactorDataset(*simulate(2000, seed=0))` is the book's kind of data set."""
    return Cars(number).sample(n, seed)
