r"""Scalings of pixels and factors, fitted on training rows, each with its exact inverse.

Every scaling is one curve and one affine map, y = (f(x) - offset) / scale. The curve f is the identity
(`minmax`, `standard`), log10(x + 1e-10) (`log10`, the authors' for pixels) or asinh(x / softening) (`asinh`, ours).
"""

import numpy as np
import torch
from torch import nn

from .arrays import constant
from .cautions import warn

__all__ = ["KINDS", "LOG_FLOOR", "Scaling"]

FAINT = 1e-8  # a value below it is bent by the next constant
LOG_FLOOR = 1e-10  # the authors' constant: an empty pixel becomes -10
STRAIGHT = ("minmax", "standard")
KINDS = (*STRAIGHT, "log10", "asinh")


class Scaling(nn.Module):
    """An invertible map of data to the network's units; make one with `Scaling.fit`.

    Arguments:
        kind: One of `KINDS`.
        offset: Subtracted after the curve; a number, or one per factor.
        scale: Divides after the offset; strictly positive, likewise.
        softening: Where asinh turns from linear to logarithmic, in the data's unit; used by `asinh` alone. A number, or
            one for each channel of images, of which each then has its own offset and scale, shape (C, 1, 1).

    Raises:
        ValueError: if the kind is unknown.

    Example:
        >>> counts = torch.tensor([0.0, 20.0, 2000.0])
        >>> scaling = Scaling.fit("asinh", counts)
        >>> scaling(counts)
        tensor([0.0000, 0.1663, 1.0000])
        >>> bool(torch.allclose(scaling.inverse(scaling(counts)), counts))
        True

    References:
        Chapter 1. The paper scales min-max.
    """

    def __init__(self, kind, offset=0.0, scale=1.0, softening=20.0):
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"unknown scaling {kind!r}; choose one of {', '.join(KINDS)}")
        self.kind = kind
        self.softening = tuple(map(float, softening)) if np.ndim(softening) else float(softening)
        self.register_buffer("offset", torch.as_tensor(offset, dtype=torch.float64))
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float64))

    def _apply(self, fn, recurse=True):
        """Neither `to` nor `half` moves the two numbers: some devices hold no float64, and they cost nothing here."""
        return self

    @classmethod
    def fit(cls, kind, x, dim=None, softening=20.0, *, groups=None):
        """Fit offset and scale to training data.

        Arguments:
            kind: `minmax` and `log10` map the data onto [0, 1]; `asinh` maps 0 to 0 and the largest value to 1;
                `standard` gives mean 0 and variance 1.
            x: Training images, all finite; or with `dim` = 0 factors, NaN where one is not told.
            dim: Reduced dimensions: None for one scaling of all pixels, 0 for one per column of factors.
            softening: See the class. 20 counts is about the noise of the faint parts of the book's galaxies.
            groups: With `dim` = 0 and a straight scaling: columns of one number share a scale, the root mean square of
                their own, so that a circle stays a circle.

        Raises:
            ValueError: if a column, or all the data, hold one value only, or a value has no logarithm; for groups of a
                scaling that bends.
        """
        if groups is not None:
            return cls._fit_groups(kind, torch.as_tensor(x, dtype=torch.float64), groups)
        if np.ndim(softening):
            if np.ndim(x) != 4 or np.shape(x)[1] != len(softening):
                raise ValueError(f"softening has {len(softening)} numbers, one for each channel; got {np.shape(x)}")
            own = [cls.fit(kind, x[:, channel], None, value) for channel, value in enumerate(softening)]
            offset, scale = (
                torch.stack([getattr(o, name) for o in own])[:, None, None] for name in ("offset", "scale")
            )
            return cls(kind, offset, scale, tuple(softening))
        if dim == 0 and (told := ~torch.as_tensor(x).isnan()).logical_not().any():
            own = [cls.fit(kind, column[rows, None], 0, softening) for column, rows in zip(x.T, told.T, strict=True)]
            offset, scale = (torch.cat([getattr(one, name) for one in own]) for name in ("offset", "scale"))
            return cls(kind, offset, scale, softening)
        y = cls(kind, softening=softening)._curve(torch.as_tensor(x, dtype=torch.float64))
        if kind == "log10" and (above := torch.as_tensor(x)[torch.as_tensor(x) > 0]).numel() and above.min() < FAINT:
            warn(f"'log10' adds {LOG_FLOOR:g}, and values go down to {above.min():.3g}: multiply by a constant first")
        if not y.isfinite().all():
            raise ValueError(
                f"{kind} needs finite data{', at least 0' if kind == 'log10' else ''}; choose another scaling"
            )
        y, dim = (y.flatten(), 0) if dim is None else (y, dim)
        low, high = y.amin(dim), y.amax(dim)
        if (same := constant(y.reshape(len(y), -1).cpu().numpy())).any():
            where = f"column {int(same.argmax())}" if low.ndim else "the data"
            raise ValueError(f"{where} holds one value only and cannot be scaled: drop it, or give data that vary")
        if kind == "standard":
            offset, scale = y.mean(dim), y.std(dim, correction=0)
        elif kind == "asinh":
            offset, scale = torch.zeros_like(low), torch.maximum(high, -low)
        else:
            offset, scale = low, high - low
        return cls(kind, offset, scale, softening)

    @classmethod
    def _fit_groups(cls, kind, x, groups):
        if kind not in STRAIGHT:
            raise ValueError(
                f"with angles or classes, factor_scaling must be one of {', '.join(STRAIGHT)}, got {kind!r}: give the "
                "curve of a factor yourself, such as its logarithm"
            )
        offset, scale = torch.zeros(len(groups), dtype=x.dtype), torch.zeros(len(groups), dtype=x.dtype)
        for group in set(groups):
            own = [place for place, other in enumerate(groups) if other == group]
            if len(own) == 1:
                columns = cls.fit(kind, x[:, own], 0)
                offset[own], scale[own] = columns.offset, columns.scale
                continue
            told = x[:, own][~x[:, own[0]].isnan()]
            low, high = told.amin(0), told.amax(0)
            offset[own], spread = (told.mean(0), told.std(0, correction=0)) if kind == "standard" else (low, high - low)
            scale[own] = spread.square().mean().sqrt()
        return cls(kind, offset, scale)

    def forward(self, x):
        """Data to the network's units; shape, dtype and device are kept.

        Give factors as float64: a date less its offset keeps its digits, where float32 would lose them first.
        """
        return (self._curve(x) - self.offset.to(x)) / self.scale.to(x)

    def inverse(self, y):
        """The network's units back to data; shape, dtype and device are kept."""
        f = y * self.scale.to(y) + self.offset.to(y)
        if self.kind == "log10":
            return 10**f - LOG_FLOOR
        return self._soft(f) * torch.sinh(f) if self.kind == "asinh" else f

    def _curve(self, x):
        if self.kind == "log10":
            return torch.log10(x + LOG_FLOOR)
        return torch.asinh(x / self._soft(x)) if self.kind == "asinh" else x

    def _soft(self, x):
        """The softening as something that divides x."""
        return torch.tensor(self.softening).to(x)[:, None, None] if np.ndim(self.softening) else self.softening
