"""What every simulator returns, and how the finite sets are indexed."""

from typing import NamedTuple

import numpy as np

__all__ = ["Simulation", "places"]


class Simulation(NamedTuple):
    """Simulated images with the factors behind them; its fields are `FactorDataset`'s arguments, in order.

    Attributes:
        images: Shape (n, C, H, W): float32 counts of galaxies, uint8 pixels of sprites (0, 1) and cars (0 to 255).
        factors: float64, shape (n, K), in the units below.
        names: Factor names, in the order of the columns.
        units: Their units.
        clean: Noiseless images, shape of `images`; None where no noise was added.
        provenance: What made them: simulator, seed, settings.
    """

    images: np.ndarray
    factors: np.ndarray
    names: tuple
    units: tuple
    clean: np.ndarray | None
    provenance: dict


def places(index, length):
    """The rows, int64 (n,), that an integer, a slice or a list of integers means in a set of `length` rows.

    Raises:
        IndexError: for another index, or one beyond the set.
    """
    if isinstance(index, slice):
        return np.arange(length)[index]
    index = np.atleast_1d(index)
    if index.size == 0:
        return np.empty(0, dtype=np.int64)
    if not np.issubdtype(index.dtype, np.integer) or index.ndim != 1:
        raise IndexError(f"index by an integer, a slice or a list of integers, got {index.dtype} {index.shape}")
    outside = (index < -length) | (index >= length)
    if outside.any():
        raise IndexError(f"no row {index[outside][0]}: there are {length}")
    return index.astype(np.int64) % length
