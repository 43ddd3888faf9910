"""What every simulator returns."""

from typing import NamedTuple

import numpy as np

__all__ = ["Simulation"]


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
