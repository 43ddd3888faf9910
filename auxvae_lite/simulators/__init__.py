"""Simulators: factors in, images out. Each is deterministic given its seed and knows nothing of the models."""

from . import cars, dsprites, galaxies

__all__ = ["cars", "dsprites", "galaxies"]
