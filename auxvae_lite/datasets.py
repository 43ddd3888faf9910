"""Images with their factors: one container for simulated, official and own data; splits; one file to keep them in."""

import numpy as np
import torch

from . import files

__all__ = ["AUGMENTATIONS", "FactorDataset", "shear_symmetry"]


class FactorDataset:
    """Images and the factors behind them, checked once, so that nothing later meets a NaN.

    Arguments:
        images: Shape (n, C, H, W), any real dtype; kept as float32.
        factors: Shape (n, K), one row per image; kept as float64.
        names: K distinct factor names; by default u1, u2, ...
        units: K units; by default all "1".
        clean: Noiseless images where they are known, shape of `images`.
        provenance: How the data came about; any mapping that JSON can hold.

    Raises:
        ValueError: for wrong shapes or counts, and for NaN or infinity, naming the row and the column.

    Example:
        >>> data = FactorDataset(np.zeros((10, 1, 28, 28)), np.arange(20.0).reshape(10, 2), ["size", "angle"])
        >>> [len(part) for part in data.split(seed=0)]
        [7, 2, 1]
    """

    def __init__(self, images, factors, names=None, units=None, clean=None, provenance=None):
        self.images = np.ascontiguousarray(images, dtype=np.float32)
        self.factors = np.ascontiguousarray(factors, dtype=np.float64)
        if self.images.ndim != 4:
            raise ValueError(f"images must have shape (n, C, H, W), got {self.images.shape}. Is the channel missing?")
        if self.factors.ndim != 2 or len(self.factors) != len(self.images):
            raise ValueError(
                f"factors must have shape (n, K), a row per image; got {self.factors.shape}, {len(self.images)} images"
            )
        K = self.factors.shape[1]
        self.names = tuple(names) if names is not None else tuple(f"u{k + 1}" for k in range(K))
        self.units = tuple(units) if units is not None else ("1",) * K
        for label, given in (("names", self.names), ("units", self.units)):
            if len(given) != K:
                raise ValueError(f"{label} must have one entry per column of factors, {K}; got {len(given)}: {given}")
        if len(set(self.names)) < K:
            raise ValueError(f"names must differ, got {self.names}")
        self.clean = None if clean is None else np.ascontiguousarray(clean, dtype=np.float32)
        if self.clean is not None and self.clean.shape != self.images.shape:
            raise ValueError(f"clean must have the images' shape {self.images.shape}, got {self.clean.shape}")
        self.provenance = dict(provenance or {})
        _check_finite("images", self.images)
        _check_finite("factors", self.factors, self.names)
        if self.clean is not None:
            _check_finite("clean", self.clean)

    def __len__(self):
        return len(self.images)

    def __repr__(self):
        factors = ", ".join(f"{name} [{unit}]" for name, unit in zip(self.names, self.units, strict=True))
        return f"FactorDataset({len(self)} images of {self.images.shape[1:]}; {factors})"

    def columns(self, names):
        """Factor columns by name, shape (n, len(names)).

        Raises:
            ValueError: for a name that the data do not have.
        """
        for name in names:
            if name not in self.names:
                raise ValueError(f"no factor {name!r}; the data have {', '.join(self.names)}")
        return self.factors[:, [self.names.index(name) for name in names]]

    def rows(self, index):
        """The rows that `index` (a slice, integers or a mask) selects, as a new dataset."""
        clean = None if self.clean is None else self.clean[index]
        return FactorDataset(self.images[index], self.factors[index], self.names, self.units, clean, self.provenance)

    def split(self, seed, train=0.7, test=0.1):
        """Disjoint random parts for training, validation and test; the same for the same seed on any machine.

        Arguments:
            seed: Integer seed of the permutation.
            train: Share of training rows, rounded down.
            test: Share of test rows, rounded down. Validation gets the rest.

        Returns:
            Three datasets: train, validation, test.

        Raises:
            ValueError: if one of the parts would be empty.
        """
        n = len(self)
        counts = {"train": int(round(n * train, 6)), "test": int(round(n * test, 6))}  # 90 * 0.7 is 62.99... in floats
        counts["validation"] = n - sum(counts.values())
        for part, count in counts.items():
            if count < 1:
                raise ValueError(f"the {part} part is empty: {n} rows, train={train}, test={test}. Give more rows")
        order = np.random.default_rng(seed).permutation(n)
        first, last = counts["train"], n - counts["test"]
        return self.rows(order[:first]), self.rows(order[first:last]), self.rows(order[last:])

    def checksum(self):
        """The sha256 of images, factors and their names."""
        return files.checksum({"images": self.images, "factors": self.factors}, ", ".join(self.names))

    def save(self, path):
        """Write everything to one safetensors file, in one step; returns the content's sha256."""
        header = {
            "dataset": "FactorDataset", "names": self.names, "units": self.units, "provenance": self.provenance
        }  # fmt: skip
        tensors = {"images": self.images, "factors": self.factors}
        if self.clean is not None:
            tensors["clean"] = self.clean
        return files.write(path, tensors, header)

    @classmethod
    def load(cls, path):
        """Read what `save` wrote, and verify its checksum.

        Raises:
            FileNotFoundError, ValueError: for a missing, damaged or foreign file.
        """
        tensors, header = files.read(path)
        if header.get("dataset") != cls.__name__:
            raise ValueError(f"{path} holds no FactorDataset")
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        try:
            return cls(**arrays, names=header["names"], units=header["units"], provenance=header["provenance"])
        except (KeyError, TypeError, ValueError) as error:
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
    turns = {"g1": transpose, "g2": mirror ^ flip}
    signs = [
        1 - 2 * turns[name].to(u.dtype) if name in turns else torch.ones_like(u[:, 0])
        for name in names
    ]  # fmt: skip
    return x, u * torch.stack(signs, dim=1) if names else u


AUGMENTATIONS = {"none": None, "shear": shear_symmetry}


def _check_finite(label, array, names=None):
    bad = ~np.isfinite(array)
    if bad.any():
        where = np.argwhere(bad)[0]
        place = f"row {where[0]}" + (f", column {names[where[1]]!r}" if names else "")
        raise ValueError(
            f"{label} must be finite: {bad.sum()} values are not, the first in {place}. Drop or fill those rows"
        )
