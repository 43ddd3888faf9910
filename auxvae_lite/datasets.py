"""Images with their factors: one container for simulated, official and own data; splits; one file to keep them in."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import PurePath

import numpy as np
import torch

from . import factors as kinds_of_factors
from . import files
from .arrays import by_name, check_spread, in_columns, listed, numbers, take_images

OPTIONAL = ("periods", "classes")  # fields of a file's header that data of plain numbers do not have

__all__ = ["AUGMENTATIONS", "FactorDataset", "shear_symmetry"]


class FactorDataset:
    """Images and the factors behind them, checked once, so that nothing later meets a NaN.

    Everything is copied: what happens to the given arrays afterwards changes nothing here.

    Arguments:
        images: Shape (n, C, H, W), any real numbers; kept as float32.
        factors: Shape (n, K), one row per image, numbers or words; kept as float64. Or a table (pandas, polars,
            astropy), or a dictionary of columns, whose names and units are taken. NaN, None, NaT, pandas' NA and a
            masked entry say that a factor of this image is not told.
        names: K distinct factor names; by default those of the table, or u1, u2, ...
        units: K units; by default the table's, or "1".
        clean: Noiseless images where they are known, shape of `images`.
        provenance: How the data came about; a mapping that JSON can hold. NumPy's numbers, paths and dates are turned
            into such; anything else is refused.
        periods: The factors that are angles, from name to period in the factor's unit: {"angle": 360}.
        categorical: Names of the factors that are classes, or a mapping from such a name to its labels, in their
            order. A column of words is a class without being named. `factors` holds a label that is a number as it is,
            and of words the place among `classes[name]`, which is sorted unless you say otherwise.
        factor_std: Standard errors of the factors, in their units: one number, K, shape (n, K), or a dictionary of
            columns, which leaves the others at 0. For errors that do not depend on the pixels, once the factor is
            given. A class has none.

    Raises:
        ValueError: for wrong shapes or counts; for pixels that are masked, missing or not finite, and for factors that
            are infinite or neither number nor word, naming the row and the column and what to do.

    A value over 100 interquartile ranges from its column's median is warned of: it may stand for "unknown".

    Rows that tell nothing may as well be left out, if `Config.prior_variance` then stays 1/n of all rows; rows that
    tell some factors should stay (chapter 12). Both assume that labels are missing by chance, whatever the image.

    Example:
        >>> data = FactorDataset(np.zeros((10, 1, 28, 28)), np.arange(20.0).reshape(10, 2), ["size", "glow"])
        >>> [len(part) for part in data.split(seed=0)]
        [7, 2, 1]
        >>> table = {"angle": [350.0, None], "shape": ["spiral", "disk"]}
        >>> data = FactorDataset(np.zeros((2, 1, 28, 28)), table, periods={"angle": 360})
        >>> data.factors.tolist(), data.classes
        ([[350.0, 1.0], [nan, 0.0]], {'shape': ('disk', 'spiral')})
    """

    def __init__(self, images, factors, names=None, units=None, clean=None, provenance=None, *,
                 periods=None, categorical=(), factor_std=None):  # fmt: skip
        self.images = take_images(images, copy=True)
        names, units = listed("names", names), listed("units", units)
        table, of_table = by_name(factors)
        if table is not None:
            own, columns = list(table), list(table.values())
            if names is not None and own != names and set(own) & set(names):
                raise ValueError(f"the columns are {', '.join(own)}, names says {', '.join(names)}: leave names out")
            units = [of_table.get(name, "1") for name in own] if units is None else units
            names = own if names is None else names
        else:
            columns = in_columns(factors, len(self.images))
        K = len(columns)
        self.names = tuple(names) if names is not None else tuple(f"u{k + 1}" for k in range(K))
        self.units = tuple(units) if units is not None else ("1",) * K
        for label, given in (("names", self.names), ("units", self.units)):
            if len(given) != K:
                raise ValueError(f"{label} must have one entry per column of factors, {K}; got {len(given)}: {given}")
        if len(set(self.names)) < K:
            raise ValueError(f"names must differ, got {self.names}")
        if K and len(columns[0]) != len(self.images):
            shapes = f"{(len(columns[0]), K)}, {len(self.images)} images"
            raise ValueError(f"factors must have shape (n, K), a row per image; got {shapes}")
        self.factors, self.classes = kinds_of_factors.told(columns, self.names, categorical)
        self.factors = self.factors if K else np.empty((len(self.images), 0))
        kinds_of_factors.kinds_of(self.names, periods, self.classes)  # which says what is wrong with them
        self.periods = {name: float(period) for name, period in dict(periods or {}).items()}
        plain = [k for k, kind in enumerate(self.kinds) if not kind.period and not kind.classes]
        check_spread(self.factors[:, plain], "factors", [self.names[k] for k in plain])
        self.factor_std = self._errors(factor_std)
        self.clean = None if clean is None else take_images(clean, "clean", copy=True)
        if self.clean is not None and self.clean.shape != self.images.shape:
            raise ValueError(f"clean must have the images' shape {self.images.shape}, got {self.clean.shape}")
        self.provenance = _plain_provenance(provenance or {})

    def _errors(self, given):
        """Standard errors, shape (n, K), 0 where a factor is not told; None where all are 0."""
        if given is None:
            return None
        table = given if isinstance(given, Mapping) else by_name(given)[0]
        if table is not None:
            for name in table.keys() - set(self.names):
                raise ValueError(f"factor_std names {name!r}, which is no factor; there are {', '.join(self.names)}")
            zero = np.zeros(len(self))
            columns = [numbers(np.broadcast_to(table.get(name, zero), len(self)), "factor_std", name)
                       for name in self.names]  # fmt: skip
            errors = np.stack(columns, axis=1)
        else:
            try:
                errors = np.broadcast_to(np.asarray(given, np.float64), self.factors.shape)
            except ValueError as error:
                raise ValueError(
                    f"factor_std must be a number, {len(self.names)} numbers, or have the factors' shape "
                    f"{self.factors.shape}; got {np.shape(given)}"
                ) from error
        errors = np.where(np.isnan(self.factors), 0, errors)
        bad = ~(np.isfinite(errors) & (errors >= 0))
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise ValueError(
                f"factor_std must be finite and at least 0: row {row}, column {self.names[column]!r} is "
                f"{errors[row, column]:g}. Of a factor without any knowledge, make the factor NaN"
            )
        for name in self.classes:
            if errors[:, self.names.index(name)].any():
                raise ValueError(f"{name!r} is a class, whose labels have no standard error: leave it at 0")
        return errors if errors.any() else None

    @property
    def kinds(self):
        """The `factors.Kind` of each factor, K of them."""
        return kinds_of_factors.kinds_of(self.names, self.periods, self.classes)

    def kinds_like(self, names):
        """The `factors.Kind` of some factors, each."""
        return tuple(self.kinds[place] for place in self.places(names))

    def __len__(self):
        return len(self.images)

    def __repr__(self):
        factors = ", ".join(
            f"{name} [{', '.join(map(str, kind.classes))}]" if kind.classes else f"{name} [{unit}]"
            for name, unit, kind in zip(self.names, self.units, self.kinds, strict=True)
        )
        return f"FactorDataset({len(self)} images of {self.images.shape[1:]}; {factors})"

    def columns(self, names):
        """Factor columns by name, shape (n, len(names)).

        Raises:
            ValueError: for a name that the data do not have.
        """
        return self.factors[:, self.places(names)]

    def places(self, names):
        """Numbers of the columns of some factors; raises as `columns` does."""
        names = listed("names", names)
        for name in names:
            if name not in self.names:
                raise ValueError(f"no factor {name!r}; the data have {', '.join(self.names)}")
        return [self.names.index(name) for name in names]

    def columns_as(self, names, kinds):
        """`columns` with each class in the codes of `kinds`, a `factors.Kind` for each name, as a model has them.

        Raises:
            ValueError: for a label, a period or a class that is none of `kinds`, and as `columns` does.
        """
        columns = np.array(self.columns(names))
        for column, name, kind, own in zip(columns.T, names, kinds, self.kinds_like(names), strict=True):
            if own.period and kind.period and own.period != kind.period:
                raise ValueError(f"{name!r} has the period {own.period:g} here, and {kind.period:g} in the model")
            if own.classes and own != kind:
                column[:] = kinds_of_factors.recoded(own.labels(column), name, kind)
        return columns

    def rows(self, index):
        """The rows that `index` (a slice, integers or a mask) selects, copied into a new dataset."""
        if not isinstance(index, slice):
            index = np.atleast_1d(np.asarray(index))
            index = index.astype(int) if index.shape == (0,) else index
            if index.ndim != 1 or index.dtype.kind not in "iub":
                raise ValueError(f"rows are a slice, a list of numbers or a mask, got {index.dtype} {index.shape}")
        part = object.__new__(FactorDataset)  # checked already
        part.names, part.units, part.provenance = self.names, self.units, dict(self.provenance)
        part.periods, part.classes = dict(self.periods), dict(self.classes)
        part.images, part.factors = np.array(self.images[index]), np.array(self.factors[index])
        for name in ("clean", "factor_std"):
            whole = getattr(self, name)
            setattr(part, name, None if whole is None else np.array(whole[index]))
        return part

    def split(self, seed, train=0.7, test=0.1, *, groups=None):
        """Disjoint random parts for training, validation and test; the same for the same seed on any machine.

        Arguments:
            seed: Integer seed of the permutation.
            train: Share of training rows, between 0 and 1, rounded down.
            test: Share of test rows, likewise. Validation gets the rest.
            groups: A label for each row, such as the object that several images show, or None. Rows of one label go
                to one part; training and test take whole groups until they have their share.

        Returns:
            Three datasets: train, validation, test.

        Raises:
            ValueError: for shares outside 0 to 1, labels that are not one a row, or if one of the parts would be empty.
        """
        n = len(self)
        if not (0 < train < 1 and 0 < test < 1):
            raise ValueError(
                f"train and test are shares, above 0 and below 1; got train={train}, test={test}. "
                "For 70 % and 10 %, write train=0.7, test=0.1"
            )
        counts = {"train": int(round(n * train, 6)), "test": int(round(n * test, 6))}  # 90 * 0.7 is 62.99... in floats
        rng = np.random.default_rng(seed)
        if groups is None:
            order = rng.permutation(n)
        else:
            order, ends = _by_group(groups, n, rng)
            counts["train"] = int(ends[ends >= counts["train"]][0])
            counts["test"] = n - int(ends[ends <= n - counts["test"]][-1])
        counts["validation"] = n - sum(counts.values())
        for part, count in counts.items():
            if count < 1:
                raise ValueError(
                    f"the {part} part is empty: {n} rows, train={train}, test={test}. Give more rows, or other shares"
                )
        first, last = counts["train"], n - counts["test"]
        return self.rows(order[:first]), self.rows(order[first:last]), self.rows(order[last:])

    def checksum(self):
        """The sha256 of images, factors, their names, and what makes them angles, classes or uncertain."""
        tensors = {"images": self.images, "factors": self.factors}
        if self.factor_std is not None:
            tensors["factor_std"] = self.factor_std
        special = json.dumps([self.periods, self.classes]) if self.periods or self.classes else ""
        return files.checksum(tensors, ", ".join(self.names) + special)

    def save(self, path):
        """Write everything to one safetensors file, in one step; returns the content's sha256."""
        header = {
            "dataset": "FactorDataset", "names": self.names, "units": self.units, "provenance": self.provenance
        }  # fmt: skip
        header |= {name: value for name in OPTIONAL if (value := getattr(self, name))}
        tensors = {"images": self.images, "factors": self.factors}
        for name in ("clean", "factor_std"):
            if getattr(self, name) is not None:
                tensors[name] = getattr(self, name)
        return files.write(path, tensors, header)

    @classmethod
    def load(cls, path):
        """Read what `save` wrote, and verify its checksum.

        Raises:
            FileNotFoundError, ValueError: for a missing, damaged or foreign file.
        """
        tensors, header = files.read(path)
        if header.get("dataset") != "FactorDataset":
            raise ValueError(f"{path} holds no FactorDataset")
        files.expect(header, ("dataset", "names", "units", "provenance", *OPTIONAL), path)
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        try:
            return cls(
                **arrays, names=header["names"], units=header["units"], provenance=header["provenance"],
                periods=header.get("periods"), categorical=header.get("classes", {}),
            )  # fmt: skip
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} does not fit its own header ({error}); make or copy it again") from error


def shear_symmetry(x, u, names, generator):
    """A random mirror symmetry of sheared galaxies for each image.

    Transposing an image turns g1 into -g1; a left-right or an up-down mirror turns g2
    into -g2. The other factors stay.

    Arguments:
        x: Images, shape (B, C, H, W) with H = W.
        u: Factors in their own units, shape (B, K).
        names: Names of u's columns.
        generator: `torch.Generator`; three fair coins are drawn per image.

    Returns:
        Transformed x and u.

    References:
        The simulator's equation when axes are exchanged or reversed; chapter 1.
    """
    coins = torch.randint(2, (3, len(x)), generator=generator).bool()
    transpose, mirror, flip = coins.to(x.device)
    for turn, turned in (
        (transpose, lambda x: x.mT),
        (mirror, lambda x: x.flip(3)),
        (flip, lambda x: x.flip(2)),
    ):
        x = torch.where(turn[:, None, None, None], turned(x), x)
    transpose, mirror, flip = coins.to(u.device)
    turns = {"g1": transpose, "g2": mirror ^ flip}
    signs = [
        1 - 2 * turns[name].to(u.dtype) if name in turns else torch.ones_like(u[:, 0])
        for name in names
    ]  # fmt: skip
    return x, u * torch.stack(signs, dim=1) if names else u


AUGMENTATIONS = {"none": None, "shear": shear_symmetry}


def _plain_provenance(provenance):
    """What JSON gives back, so that a file can be written later."""

    def plain(value):
        if isinstance(value, np.generic | np.ndarray):
            return value.tolist()
        if isinstance(value, PurePath | date):
            return str(value)
        raise TypeError(f"{value!r} is of type {type(value).__name__}")

    try:
        return json.loads(json.dumps(dict(provenance), default=plain, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"provenance must be a mapping that JSON can hold ({error}): write it as text") from error


def _by_group(groups, n, rng):
    """Rows in random order, group by group, and where each group ends."""
    labels = np.asarray(groups)
    if labels.shape != (n,):
        raise ValueError(f"groups must have one label per row, shape ({n},); got {labels.shape}")
    missing = [row for row, label in enumerate(labels.tolist()) if label is None or label != label]
    if missing:
        raise ValueError(f"groups row {missing[0]} has no label: give each row that is alone a label of its own")
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels.tolist()))}
    group = np.array([numbers[label] for label in labels.tolist()])
    place = rng.permutation(group.max() + 1)[group]
    order = np.lexsort((rng.permutation(n), place))
    return order, np.cumsum([0, *np.bincount(place)])
