"""Five unlike sets of images, each taken as a user would: `describe` looks, `suggest_config` decides, nothing by hand.

`WANTED` is the list of factors that are asked of each set, written down before the first run. What is left out of it
cannot be known to .95: psf for photon noise (chapter 7), and a sprite's orientation for its symmetries (chapter 11),
which is not told at all.
"""

import math
import time
from itertools import pairwise

import numpy as np

from .. import training
from ..datasets import FactorDataset
from ..describe import describe
from ..simulators import cars, dsprites, galaxies

__all__ = ["SETS", "WANTED", "comets", "run", "worst"]

ENOUGH = 0.95
WANTED = {
    "galaxies": ("flux", "radius", "g1", "g2"),
    "faint unit": ("flux", "radius", "g1", "g2"),
    "sprites": ("shape", "scale", "posX", "posY"),
    "cars": ("elevation", "azimuth", *cars.PARAMETERS),
    "comets": ("brightness", "tail", "angle", "head", "warmth"),
}
HEADS = ("disk", "ring", "double")
BANDS = (1.0, 0.3, 0.02)  # how bright a comet of warmth 1/2 is in each band


def comets(n, seed, side=32):
    """Drawn comets in three bands of unlike brightness, with the sky subtracted, so that many pixels are below 0.

    Arguments:
        n: Number of images.
        seed: Of factors and noise.
        side: Of the images, pixels.

    Returns:
        Images (n, 3, side, side); a dictionary of columns: brightness (counts), tail (pixels), angle (degrees from the
        x axis towards y, the way that the tail points), head (a word of `HEADS`, rarer from first to last), warmth
        (0 blue to 1 red); and the noiseless images.
    """
    rng = np.random.default_rng(seed)
    columns = {
        "brightness": np.exp(rng.uniform(math.log(300), math.log(3000), n)),
        "tail": rng.uniform(3, 9, n),
        "angle": rng.uniform(0, 360, n),
        "head": rng.choice(HEADS, n, p=(0.5, 0.3, 0.2)),
        "warmth": rng.uniform(0, 1, n),
    }
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    brightness, tail, angle, warmth = (
        columns[name][:, None, None] for name in ("brightness", "tail", "angle", "warmth")
    )
    head = columns["head"][:, None, None]
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    along, across = x * cos + y * sin, y * cos - x * sin
    distance = np.hypot(x, y)
    shapes = {
        "disk": np.exp(-((distance / 2) ** 2)),
        "ring": np.exp(-((distance - 3) ** 2)),
        "double": np.exp(-(along**2 + (across - 2.5) ** 2) / 2) + np.exp(-(along**2 + (across + 2.5) ** 2) / 2),
    }
    drawn = sum((head == name) * shapes[name] for name in HEADS)
    ahead = np.maximum(along, 0)
    drawn = drawn + 0.6 * np.exp(-ahead / tail - (across / (1 + 0.25 * ahead)) ** 2) * (along > 0)
    tint = np.stack([2 * warmth, np.ones_like(warmth), 2 * (1 - warmth)], axis=1) * 0.9 + 0.1
    clean = brightness[:, None] * drawn[:, None] * tint * np.array(BANDS)[:, None, None]
    noise = 0.02 * 300 * np.array(BANDS)[:, None, None]
    images = clean + noise * rng.standard_normal(clean.shape)
    return images.astype(np.float32), columns, clean.astype(np.float32)


def _galaxies(n, seed, unit=1.0):
    images, u, names, units, clean, provenance = galaxies.simulate(n, seed)
    return FactorDataset(unit * images.astype(float), u, names, units, unit * clean.astype(float), provenance)


def _sprites(n, seed):
    images, u, names, units, _, provenance = dsprites.simulate(n, seed)
    kept = [names.index(name) for name in WANTED["sprites"]]
    told = {names[k]: u[:, k] for k in kept} | {"shape": np.array(dsprites.SHAPES)[u[:, 0].astype(int)]}
    return FactorDataset(images, told, provenance=provenance)


def _cars(n, seed):
    images, u, names, _, _, provenance = cars.Cars(n // 96, seed).sample(n // 96 * 96, seed)
    told = dict(zip(names, u.T, strict=True))
    azimuth = np.degrees(np.arctan2(told.pop("azimuth_sin"), told.pop("azimuth_cos"))) % 360
    return FactorDataset(images, told | {"azimuth": azimuth}, provenance=provenance, periods={"azimuth": 360})


def _comets(n, seed):
    images, columns, clean = comets(n, seed)
    return FactorDataset(images, columns, clean=clean, periods={"angle": 360})


SETS = {  # name: rows to draw, and how
    "galaxies": (8192, _galaxies),
    "faint unit": (8192, lambda n, seed: _galaxies(n, seed, 1e-9)),
    "sprites": (8192, _sprites),
    "cars": (96 * 96, _cars),
    "comets": (8192, _comets),
}


def run(name, seed, rows=None, **changes):
    """Draw, describe, train, score on test rows.

    Arguments:
        name: One of `SETS`.
        seed: Decides rows, split, weights and order.
        rows: To draw; None for the set's own number.
        changes: Of the suggested `Config`, such as fewer epochs in a test.

    Returns:
        Dictionary: scores of `training.evaluate` and their reference, numbers of rows, seconds.
    """
    size, draw = SETS[name]
    clock = [time.perf_counter()]
    train, validation, test = draw(rows or size, seed).split(seed)
    config = describe(train).suggest_config(seed=seed, **changes)
    clock.append(time.perf_counter())
    model, _ = training.fit(config, train, validation)
    clock.append(time.perf_counter())
    scores, reference = training.evaluate(model, test)
    clock.append(time.perf_counter())
    seconds = dict(zip(("data", "train", "evaluate"), (round(b - a, 2) for a, b in pairwise(clock)), strict=True))
    n = {"train": len(train), "validation": len(validation), "test": len(test)}
    return {"scores": scores, "reference": reference, "n": n, "seconds": seconds}


def worst(name, scores):
    r"""The factor of `WANTED` that is told least well, and its score: \|rho\|, circular, or balanced accuracy."""
    asked = {}
    for factor in WANTED[name]:
        known = [
            scores[f"{what}_{factor}"] for what in ("corr", "circular", "accuracy") if f"{what}_{factor}" in scores
        ]
        asked[factor] = known[0]
    factor = min(asked, key=asked.get)
    return factor, asked[factor]
