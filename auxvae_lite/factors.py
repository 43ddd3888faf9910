r"""Factors as scientists have them, numbers, angles and classes, and the columns of numbers that guide latents.

A number is one column. An angle of period T is two, its cosine and sine, so that the end of a turn lies beside its
beginning. A class of C labels is C columns, 1 for its own label and 0 for the others (chapters 11 and 12). A factor
that is not told is NaN in all of its columns.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch

from .arrays import constant, listed, numbers, take, words

__all__ = ["Kind", "collapse", "column_names", "expand", "kinds_of", "numeric", "owners", "parse", "places", "recoded",
           "same_for_all", "told"]  # fmt: skip

MOST = 1000  # labels of a class: more are names of rows, not classes


class Kind(NamedTuple):
    """What a factor is: a number, or an angle with its `period`, or a class with the labels `classes`.

    Labels are words or numbers. In `FactorDataset.factors`, a label that is a number stands for itself, and a word is
    its place among `classes`, counted from 0.
    """

    period: float | None = None
    classes: tuple = ()

    @property
    def width(self):
        """Number of columns."""
        return 2 if self.period else len(self.classes) or 1

    @property
    def codes(self):
        """What stands in `factors` for each label, shape (C,)."""
        spoken = any(isinstance(label, str) for label in self.classes)
        return np.arange(len(self.classes), dtype=np.float64) if spoken else np.array(self.classes, np.float64)

    def labels(self, column):
        """The label of each code, None where it is NaN; a list."""
        label = dict(zip(self.codes.tolist(), self.classes, strict=True))
        return [label.get(code) for code in column.tolist()]


def kinds_of(names, periods=None, classes=None):
    """The kind of each name.

    Arguments:
        names: K factor names.
        periods: Mapping from an angle's name to its period, in its own unit.
        classes: Mapping from a class's name to its labels.

    Returns:
        K of `Kind`.

    Raises:
        ValueError: for a name that is not among `names`, or is both; a period not above 0; no labels, or two alike.
    """
    periods, classes = dict(periods or {}), dict(classes or {})
    for what, given in (("periods", periods), ("categorical", classes)):
        for name in given:
            if name not in names:
                raise ValueError(f"{what} names {name!r}, which is no factor; there are {', '.join(names) or 'none'}")
    if both := periods.keys() & classes.keys():
        raise ValueError(f"{sorted(both)[0]!r} cannot be an angle and a class at once: take it out of one of them")
    for name, period in periods.items():
        if isinstance(period, bool) or not isinstance(period, int | float | np.number) or not 0 < period < np.inf:
            raise ValueError(f"the period of {name!r} must be a number above 0, got {period!r}: 360 for degrees")
    for name, labels in classes.items():
        if not labels or len(set(labels)) < len(labels):
            raise ValueError(f"the classes of {name!r} must be labels that differ, got {labels!r}")
    return tuple(
        Kind(float(periods[name]) if name in periods else None, tuple(classes.get(name, ()))) for name in names
    )


def numeric(kinds):
    """Whether all factors are plain numbers, so that their columns are the factors themselves."""
    return all(kind == Kind() for kind in kinds)


def places(kinds):
    """The columns of each factor, as slices."""
    ends = np.cumsum([0, *(kind.width for kind in kinds)]).tolist()
    return [slice(first, last) for first, last in zip(ends, ends[1:], strict=False)]


def owners(kinds):
    """The number of the factor that each column belongs to, or None if all are numbers."""
    if numeric(kinds):
        return None
    return tuple(factor for factor, kind in enumerate(kinds) for _ in range(kind.width))


def column_names(names, kinds):
    """Names of the columns: of a number its own, of an angle "angle_cos" and "angle_sin", of a class "shape_disk", ...

    Arguments:
        names: K factor names.
        kinds: K of `Kind`.
    """
    found = []
    for name, kind in zip(names, kinds, strict=True):
        parts = ("cos", "sin") if kind.period else kind.classes
        found += [f"{name}_{part}" for part in parts] or [name]
    return tuple(found)


def expand(u, kinds):
    r"""Factors as columns of numbers.

    .. math:: a \mapsto \Bigl(\cos\frac{2\pi a}{T}, \sin\frac{2\pi a}{T}\Bigr), \qquad
              c \mapsto \bigl([c = c_1], \dots, [c = c_C]\bigr)

    Arguments:
        u: Factors in their own units, tensor of shape (n, K), NaN where one is not told.
        kinds: K of `Kind`.

    Returns:
        Tensor of shape (n, G); `u` itself if all factors are numbers.

    Raises:
        ValueError: for a code that stands for no label.

    Example:
        >>> kinds = Kind(), Kind(period=360), Kind(classes=("disk", "spiral"))
        >>> expand(torch.tensor([[5.0, 90.0, 1.0]]), kinds).round(decimals=3)
        tensor([[5., -0., 1., 0., 1.]])
    """
    if numeric(kinds):
        return u
    columns = []
    for column, kind in zip(u.unbind(1), kinds, strict=True):
        if kind.period:
            turn = torch.remainder(column, kind.period) * (2 * torch.pi / kind.period)
            columns += [turn.cos(), turn.sin()]
        elif kind.classes:
            hot = (column[:, None] == torch.from_numpy(kind.codes).to(u)).to(u.dtype)
            told = ~column.isnan()
            if (unknown := told & (hot.sum(1) != 1)).any():
                code = column[unknown][0].item()
                raise ValueError(f"{code:g} stands for none of the classes {', '.join(map(str, kind.classes))}")
            hot[~told] = torch.nan
            columns += hot.unbind(1)
        else:
            columns.append(column)
    return torch.stack(columns, dim=1)


def collapse(columns, kinds):
    """Factors that columns stand for: `expand` undone, and where columns are no factor's, the nearest factor.

    Arguments:
        columns: Tensor of shape (n, G).
        kinds: K of `Kind`.

    Returns:
        Array of shape (n, K), float64: angles from 0 to below their period, classes as in `Kind.codes`.
    """
    columns = columns.double().numpy()
    found = []
    for place, kind in zip(places(kinds), kinds, strict=True):
        own = columns[:, place]
        if kind.period:
            turn = np.arctan2(own[:, 1], own[:, 0]) * (kind.period / (2 * np.pi))
            found.append(np.where(turn < 0, turn + kind.period, turn) % kind.period)
        else:
            found.append(kind.codes[own.argmax(1)] if kind.classes else own[:, 0])
    return np.stack(found, axis=1) if found else np.empty((len(columns), 0))


def same_for_all(factors, kinds):
    """Which factors cannot guide, since fewer than two different values are told; shape (K,).

    Arguments:
        factors: Shape (n, K), NaN where not told.
        kinds: K of `Kind`.
    """
    result = []
    for column, kind in zip(factors.T, kinds, strict=True):
        told = column[~np.isnan(column), None]
        if kind.period:
            told = 2 + expand(torch.from_numpy(told), (kind,)).numpy()  # near 2, so that 1e-16 is a rounding
        result.append(bool(constant(told).all()))
    return np.array(result, bool)


def parse(value, name, kind):
    """One factor's values as float64, for a model that needs to know all of them.

    Arguments:
        value: Shape (n,), or one value; a class as labels or as in `Kind.codes`.
        name: The factor's, for errors.
        kind: Its `Kind`.

    Raises:
        ValueError: for a label that the class does not have, a gap, or no number, naming the row.
    """
    value = np.atleast_1d(value) if isinstance(value, str | int | float) else value
    spoken = words(value, numerals=True) if kind.classes else None
    column = take(value, name) if spoken is None else spoken
    column = _coded(column, name, kind) if kind.classes else column
    if np.isnan(column).any():
        raise ValueError(f"{name} row {int(np.isnan(column).argmax())} is not told, and it has to be here")
    return column


def recoded(labels, name, kind):
    """Codes of labels, words or numbers, NaN for None, in a kind's own order.

    Raises:
        ValueError: for a label that is none of its classes, or any that is a word where the kind is a number.
    """
    if not kind.classes:
        labels = [np.nan if label is None else label for label in labels]
        return take(labels, name) if any(isinstance(label, str) for label in labels) else np.array(labels, np.float64)
    return _coded([None if label is None else str(label) for label in labels], name, kind)


def told(columns, names, categorical=()):
    """Columns of factors as float64, NaN where one is not told, and the labels of those that are classes.

    Arguments:
        columns: K columns of shape (n,), anything that `arrays.take` takes, with gaps.
        names: Their names.
        categorical: Names of classes, or a mapping from such a name to its labels, in the order that you like. A column
            of words is a class without being named.

    Returns:
        Array of shape (n, K), and a dictionary from a class's name to its labels, sorted.

    Raises:
        ValueError: for what is no number and no word, naming row and column.
    """
    if not isinstance(categorical, Mapping):
        categorical = dict.fromkeys(listed("categorical", categorical) or ())
    for name in categorical:
        if name not in names:
            raise ValueError(f"categorical names {name!r}, which is no factor; there are {', '.join(names)}")
    found, classes = [], {}
    for name, column in zip(names, columns, strict=True):
        spoken = words(column, numerals=name in categorical)
        values = numbers(column, "factors", name) if spoken is None else spoken
        if spoken is not None or name in categorical:
            labels = categorical.get(name)
            classes[name] = _labels(values, name) if labels is None else _plain(labels)
            values = _coded(values, name, Kind(classes=classes[name]))
        found.append(values)
    return np.stack(found, axis=1) if found else np.empty((0, 0)), classes


def _plain(labels):
    """Labels as JSON holds them, whole numbers as such: 1.0 and 1 are one label, also when they are written out."""
    labels = [label.item() if isinstance(label, np.generic) else label for label in labels]
    return tuple(int(label) if isinstance(label, float) and label.is_integer() else label for label in labels)


def _labels(values, name):
    """The different labels among words or numbers, sorted."""
    if isinstance(values, list):
        known = sorted({label for label in values if label is not None})
    else:
        told = np.unique(values[~np.isnan(values)]).tolist()
        known = [int(value) if value == int(value) else value for value in told]
    if len(known) > MOST:
        raise ValueError(
            f"factors, column {name!r} has {len(known)} different labels, more than {MOST}: leave the column out; "
            "if they are names of objects, give them to split(groups=...)"
        )
    return tuple(known)


def _coded(values, name, kind):
    """Codes of words, None where one is not told, or of numbers, which are codes already; NaN where not told."""
    known = ", ".join(map(str, kind.classes))
    if isinstance(values, list):
        code = dict(zip(map(str, kind.classes), kind.codes, strict=True))
        values = [np.nan if label is None else code.get(label, label) for label in values]
        odd = [row for row, value in enumerate(values) if isinstance(value, str)]
    else:
        odd = np.flatnonzero(~np.isnan(values) & ~np.isin(values, kind.codes))
    if len(odd):
        raise ValueError(f"factors row {odd[0]}: {name} = {values[odd[0]]} is none of its classes, {known}")
    return np.asarray(values, np.float64)
