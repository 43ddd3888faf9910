"""dSprites and Cars3D-lite as experiments: rows with every column that may guide, and the scores of a run on them.

A *set* names its rows and groups of columns: ways to say the same thing to a model, and to ask a code for it.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from .. import metrics, sensitivity, training
from ..datasets import FactorDataset
from ..models import AuxVAE
from ..simulators import cars, dsprites

__all__ = ["SETS", "Rows", "Set", "car_rows", "rows", "score", "sprite_rows"]

PLACE = ("scale", "posX", "posY")
CODES = ("orientation_cos", "orientation_sin")
BODY = tuple(cars.PARAMETERS)
FREEDOM = ("generate", "told_by_free", "kurtosis", "lds_ranks")  # scores of `training.evaluate`
POSE = ("elevation", "azimuth_cos", "azimuth_sin")


def sprite_rows(n, seed, shapes=dsprites.SHAPES):
    """Different rows of dSprites with the official factors and, beside them, `orientation_codes` and the shape one-hot.

    Arguments:
        n: Number of rows drawn before the shapes are chosen.
        seed: Which.
        shapes: Names of the shapes to keep.

    Returns:
        `FactorDataset` of images (1, 64, 64) with pixels 0 and 1.

    Raises:
        ValueError: for an unknown shape.
    """
    if isinstance(shapes, str) or not set(shapes) <= set(dsprites.SHAPES):
        raise ValueError(f"shapes must be a tuple of names from {dsprites.SHAPES}, got {shapes!r}")
    images, u, names, units, _, provenance = dsprites.simulate(n, seed)
    kept = np.isin(u[:, 0], [dsprites.SHAPES.index(shape) for shape in shapes])
    one_hot = u[:, :1] == np.arange(len(dsprites.SHAPES))
    columns = np.hstack([u, dsprites.orientation_codes(u), one_hot])[kept]
    names, units = (*names, *CODES, *dsprites.SHAPES), (*units, "1", "1", "1", "1", "1")
    return FactorDataset(images[kept], columns, names, units, provenance=provenance | {"shapes": list(shapes)})


def car_rows(identities, seed):
    """Every picture of `identities` cars of Cars3D-lite, shuffled, with the azimuth and the car's number beside them.

    Arguments:
        identities: Number of cars.
        seed: Which cars, and the order.

    Returns:
        `FactorDataset` of images (3, 64, 64) with pixels from 0 to 255. The columns are `cars.NAMES`, then azimuth
        (deg), object, and for fewer than 10 cars, car0, car1, ...: the number one-hot.
    """
    fleet = cars.Cars(identities, seed)
    images, u, names, units, _, provenance = fleet.sample(len(fleet), seed)
    azimuth = np.degrees(np.arctan2(*u[:, [names.index(n) for n in ("azimuth_sin", "azimuth_cos")]].T)) % 360
    body = u[:, None, [names.index(name) for name in BODY]]
    number = (body == fleet.parameters).all(2).argmax(1)  # the fleet's order, which means nothing
    one_hot = number[:, None] == np.arange(identities if identities < 10 else 0)
    columns = np.hstack([u, azimuth[:, None], number[:, None], one_hot])
    names = (*names, "azimuth", "object", *(f"car{i}" for i in range(one_hot.shape[1])))
    units = (*units, "deg", "class", *["1"] * one_hot.shape[1])
    return FactorDataset(images, columns, names, units, provenance=provenance)


class Rows(NamedTuple):
    """Disjoint parts of one draw, and, where the set has them, pictures of objects that the others do not show."""

    train: FactorDataset
    validation: FactorDataset
    test: FactorDataset
    new: FactorDataset | None


class Set(NamedTuple):
    """A set: `draw(size, seed)` makes its rows, `new(size, seed)` those of new objects; groups of columns by name."""

    draw: Callable
    new: Callable | None
    groups: dict


SETS = {
    "dsprites": Set(
        sprite_rows,
        None,
        {
            "codes": ("shape", *PLACE, *CODES),
            "all": dsprites.NAMES,
            "four": ("shape", *PLACE),
            "onehot": (*dsprites.SHAPES, *PLACE, *CODES),
        },
    ),
    "hearts": Set(
        lambda n, seed: sprite_rows(3 * n, seed, ("heart",)),
        None,
        {"codes": (*PLACE, *CODES), "angle": (*PLACE, "orientation")},
    ),
    "cars": Set(
        car_rows,
        lambda number, seed: car_rows(max(2, number // 6), seed + 1000),
        {
            "all": (*POSE, *BODY),
            "pose": POSE,
            "angle": ("elevation", "azimuth", *BODY),
            "numbers": ("elevation", "azimuth", "object"),
        },
    ),
    "few cars": Set(
        car_rows,
        None,
        {"all": (*POSE, *BODY), "pose": POSE, "onehot": (*POSE, *(f"car{i}" for i in range(6)))},
    ),
}


@lru_cache(maxsize=2)
def rows(name, size, seed):
    """The rows of a set: 70 % to train, 10 % for validation, 20 % for tests.

    Arguments:
        name: Of `SETS`.
        size: Sprites, or cars, to draw.
        seed: Which, and which part each goes to.

    Returns:
        `Rows`.
    """
    draw, new, _ = SETS[name]
    parts = draw(size, seed).split(seed, test=0.2)
    return Rows(*parts, new(size, seed) if new else None)


def score(model, parts, groups):
    r"""Scores of a run, and what to read them against.

    Arguments:
        model: An `AuxVAE` or a subclass.
        parts: `Rows`. Readouts learn from `train`.
        groups: Names of columns by group; the first is what the set is about.

    Returns:
        Two dictionaries, of scores and of their references. From test rows, or, with the prefix `validation_`, from
        those for choosing, or, with `new_`, from new objects:

        - SSIM as in `metrics.ssim_scores`, `mse` of pixels between 0 and 1, and `product` = mse (1 - LDS) for the first
          group;
        - `lds_GROUP` and `lds_GROUP_normalised`. The reference's ceiling is the LDS of the group's own columns with
          noise in the other latents: columns that correlate, such as a one-hot code's, have a low one;
        - `sap_r2`, `mig`, `dci_d`, `dci_c`, `dci_i` for the first group;
        - `best_NAME` = max_j \|rho(z_j, u_NAME)\| and `linear_NAME`, R^2 of a line from all latents, for every column
          of the groups (of new objects, the first group's); `others_linear_NAME` and `others_neighbours_NAME`, R^2
          for the first group's from the latents left when each guided column's latent (or, without guidance, each
          column's best) is set aside;
        - for models that are told columns, `generate_ssim`, `told_by_free_NAME`, `kurtosis_J` and `lds_ranks` of those
          columns, as in `training.evaluate`; pictures without noise are their own truth.

    References:
        Chapters 11 and 12.
    """
    about, first = next(iter(groups.items()))
    names = tuple(dict.fromkeys(name for group in groups.values() for name in group))
    scores, reference, codes = {}, {}, {"train": model.encode(parts.train.images).mu.numpy()}
    for part, prefix in (("validation", "validation_"), ("test", ""), ("new", "new_")):
        data = getattr(parts, part)
        if data is None:
            continue
        mu = model.encode(data.images).mu
        x_hat, z = model.decode(mu).numpy(), mu.numpy()
        codes[part] = z
        found, against = _agreement(z, data, {about: first} if part == "new" else groups)
        mse = float((((data.images - x_hat) / parts.train.images.max()) ** 2).mean())
        found |= {"mse": mse, "product": mse * (1 - found[f"lds_{about}"])}
        if part != "validation":
            columns = first if part == "new" else names
            found |= metrics.ssim_scores(data.images, x_hat)
            against |= metrics.ssim_reference(data.images)
            read = _read(codes["train"], parts.train.columns(columns), z, data.columns(columns))
            found |= {f"linear_{name}": float(v) for name, v in zip(columns, read, strict=True)}
        scores |= {f"{prefix}{name}": value for name, value in found.items()}
        reference |= {f"{prefix}{name}": row for name, row in against.items()}
    z, test = codes["test"], parts.test
    rho = np.abs(metrics.correlations(z, test.columns(names)))
    scores |= {f"best_{name}": float(v) for name, v in zip(names, rho.max(0), strict=True)}
    u = test.columns(first)
    d, c, i = metrics.dci(z, u)
    scores |= {"sap_r2": metrics.sap(z, u), "mig": metrics.mig(z, u), "dci_d": d, "dci_c": c, "dci_i": i}
    others = _others(model, z, u)
    for kind in ("linear", "neighbours"):
        read = _read(codes["train"][:, others], parts.train.columns(first), z[:, others], u, kind)
        scores |= {f"others_{kind}_{name}": float(v) for name, v in zip(first, read, strict=True)}
    if model.factors and model.guided and isinstance(model, AuxVAE):
        told = FactorDataset(test.images, test.columns(model.factors), model.factors, clean=test.images)
        for found, every in zip((scores, reference), training.evaluate(model, told), strict=True):
            found |= {name: value for name, value in every.items() if name.startswith(FREEDOM)}
    return scores, reference


def _agreement(z, data, groups):
    rng = np.random.default_rng(0)
    scores, reference = {}, {}
    for group, names in groups.items():
        u = data.columns(names)
        found = metrics.lds(z, u)
        noise = rng.standard_normal((len(z), max(z.shape[1] - len(names), 0)))
        ceiling = metrics.lds(np.hstack([u, noise]), u).value
        scores[f"lds_{group}"] = found.value
        scores[f"lds_{group}_normalised"] = (found.value - found.floor) / (ceiling - found.floor)
        reference[f"lds_{group}"] = {"floor": found.floor, "ceiling": ceiling, "live": found.live, "n": found.n}
    return scores, reference


def _others(model, z, u):
    K = model.guided_dim
    own = np.arange(K) if K and model.guided else linear_sum_assignment(-np.abs(metrics.correlations(z, u)))[0]
    return np.setdiff1d(np.arange(z.shape[1]), own)


def _read(z_train, u_train, z, u, kind="linear"):
    return sensitivity.readout(z_train, u_train, z, u, kind) if z.shape[1] else np.zeros(u.shape[1])
