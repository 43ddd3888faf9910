r"""A look at images and factors before training: what will be refused, what deserves a second look, what to type.

`describe` raises for no data, however bad. It names what `FactorDataset` and `fit` would refuse, and what they would
take without a word though it may give wrong numbers. `Report.suggest_config` then chooses what depends on the pixels.
"""

import html
import math
import re
from collections.abc import Mapping
from hashlib import blake2b
from itertools import combinations
from typing import NamedTuple
from warnings import catch_warnings, simplefilter

import numpy as np
import torch

from . import factors as kinds_of_factors
from .arrays import LEVELS, by_name, check_spread, constant, in_columns, is_gap, listed, take_images
from .cautions import AuxVAEWarning
from .datasets import FactorDataset
from .metrics import expected_null
from .scalings import Scaling
from .training import FAINT, NARROW, Config

__all__ = ["Column", "Finding", "Pixels", "Report", "describe", "pixel_noise"]

ORDER = ("refused", "look", "note")
CODES = {sign * code for sign in (-1, 1) for code in (99, 99.9, 999, 999.9, 9999, 99999, 32768, 1e20, 1e30)}
BLANKS = {"", "-", "--", "?", "n/a", "na", "nan", "none", "null", "unknown", "missing", "-99", "-999", "-9999"}
TURNS = (360, 180, 2 * math.pi, math.pi)
ANGULAR = ("angle", "azimuth", "orientation", "theta", "rotation")
ANGLE_UNITS = ("deg", "degree", "degrees", "rad", "radian", "radians", "°")
SEEN = 2000  # images that pixel statistics look at
SEEN_PIXELS = 2e7  # and pixels
FEW = 20  # rows, below which a label or a code is hardly a population
RELATED = 0.5  # |rho| of two factors, above which an image alone hardly tells them apart
DEEP = 50  # noises between the faint and the bright pixels, above which a straight scaling hides the faint
FLOOR = 1e-4  # of the brightest pixels: less is taken for no noise, and asinh would spread nothing over decades
UNLIKE = 3  # ratio of the channels' spans, above which each gets a scaling of its own
STEPS = 2000  # that a run takes


class Finding(NamedTuple):
    """One thing that is, or may be, wrong.

    `level` is "refused" (`FactorDataset` or `fit` raises), "look" (it works, and may give wrong numbers) or "note".
    """

    level: str
    what: str
    where: str
    message: str


class Column(NamedTuple):
    """A factor in a row of the report's table: its kind, unit, share told, range or labels, different values."""

    name: str
    kind: str
    unit: str
    told: float
    values: str
    different: int


class Pixels(NamedTuple):
    """Pixels of n images of one shape; `low`, `high` of all, the others of at most 2,000, evenly spaced.

    `noise` and `quantiles` (0.1, 50 and 99.9 %) hold one entry for each channel, `spans` is max - min of each.
    """

    n: int
    shape: tuple
    low: float
    median: float
    high: float
    noise: tuple
    spans: tuple
    quantiles: tuple


class Report:
    """What `describe` found; print it, or end a notebook's cell with it.

    Attributes:
        findings: Tuple of `Finding`, the refused ones first.
        columns: Tuple of `Column`, one for each factor that could be read.
        pixels: `Pixels`; None where the images were refused.
        reasons: One sentence for each setting that `suggest_config` chooses.
    """

    def __init__(self, findings, columns, pixels, settings, reasons):
        self.findings = tuple(sorted(findings, key=lambda finding: ORDER.index(finding.level)))
        self.columns, self.pixels, self.reasons, self._settings = tuple(columns), pixels, list(reasons), settings

    def suggest_config(self, **changes):
        """A `Config` for these data; `reasons` says why.

        Arguments:
            changes: Fields to set otherwise, such as `seed`.

        Raises:
            ValueError: if the images were refused, or for a change that `Config` refuses.
        """
        if self.pixels is None:
            raise ValueError(f"no setting can be chosen, since {self._refusal()}")
        return Config(**self._settings | changes)

    def _refusal(self):
        said = [finding.message for finding in self.findings if finding.what == "images"]
        return f"the images were refused: {said[0]}" if said else "there are no images"

    def _head(self):
        if self.pixels is None:
            return "The images could not be read."
        n, shape, low, median, high, noise, *_ = self.pixels
        told = ", ".join(f"{value:.3g}" for value in noise)
        return f"{n} images of {shape}: {low:.4g} to {high:.4g}, median {median:.4g}; estimated noise {told}"

    def _rows(self):
        """The factors' table as words."""
        return [(*c[:3], f"{c.told:.1%}", c.values, str(c.different)) for c in self.columns]

    def __str__(self):
        table = [("factor", "kind", "unit", "told", "range or labels", "different"), *self._rows()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table] if self.columns else ["No factors."]
        found = [f"{finding.level}: {finding.where}: {finding.message}" for finding in self.findings]
        chosen = ["suggest_config() chooses", *(f"  {reason}" for reason in self.reasons)] if self.reasons else []
        return "\n".join([self._head(), *lines, *(found or ["Nothing was found."]), *chosen])

    __repr__ = __str__

    def _repr_html_(self):
        heads = ("factor", "kind", "unit", "told", "range or labels", "different values")
        factors = _table("Factors", heads, self._rows()) if self.columns else "<p>No factors.</p>"
        rows = [(level, where, message) for level, _, where, message in self.findings]
        found = _table("Findings", ("level", "where", "what"), rows) if rows else "<p>Nothing was found.</p>"
        chosen = "".join(f"<li>{html.escape(reason)}</li>" for reason in self.reasons)
        chosen = f"<p><code>suggest_config()</code> chooses</p><ul>{chosen}</ul>" if chosen else ""
        return f"<div><p>{html.escape(self._head())}</p>{factors}{found}{chosen}</div>"


def _table(caption, heads, rows):
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in heads)
    body = ""
    for first, *others in rows:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in others)
        body += f'<tr><th scope="row">{html.escape(first)}</th>{cells}</tr>'
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def describe(images, factors=None, names=None, units=None, *, periods=None, categorical=(), parts=None, groups=None):
    """Look at data before training, and say what is wrong with them, where, and what to type.

    Arguments:
        images: As `FactorDataset` takes them, or a `FactorDataset`, alone.
        factors, names, units, periods, categorical: As `FactorDataset` takes them; without factors, images alone.
        parts: The `FactorDataset`s of a split, such as `data.split(seed=0)`: an image in two of them is found.
        groups: A label for each row, as for `FactorDataset.split`: equal images of one group are no finding.

    Returns:
        `Report`.

    Raises:
        ValueError: for factors beside a `FactorDataset`, which has its own. Bad data become findings.

    Example:
        >>> pixels = np.random.default_rng(0).normal(size=(300, 1, 28, 28))
        >>> report = describe(pixels, {"azimuth": np.linspace(0, 359, 300)}, units=["deg"])
        >>> [(finding.level, finding.where) for finding in report.findings]
        [('look', "column 'azimuth'")]
        >>> print(report.findings[0].message)
        'azimuth' spans 359, and 0 lies far from 359. If both are one direction, write periods={'azimuth': 360}.
        >>> config = report.suggest_config(seed=1)
        >>> config.image_scaling, config.batch_size, config.seed
        ('minmax', 16, 1)

    References:
        Noise: `pixel_noise`. Equal images in two parts of a split: Barz and Denzler 2020.
    """
    if isinstance(images, FactorDataset):
        if any(given is not None for given in (factors, names, units, periods)) or len(categorical):
            raise ValueError("a FactorDataset has factors, names, units and kinds of its own: write describe(data)")
        data, readable, found = images, True, []
    else:
        categorical = () if categorical is None else categorical
        data, readable, found = _read(images, factors, names, units, periods, categorical)
    if readable and len(data) < 2:
        found.append(_refused(f"training needs at least 2 rows, got {len(data)}", "images"))
    elif readable and not data.images.size:
        found.append(_refused(f"images of shape {data.images.shape} hold no pixel: give some", "images"))
    readable, pixels, settings, reasons = readable and data.images.size > 0, None, {}, []
    if readable:
        sample = data.images[_evenly(data.images)]
        pixels = _pixels(data.images, sample)
        settings, reasons = _settings(pixels, sample, data)
        found += [*_of_pixels(pixels, data.images, sample, settings), *_of_equal_images(data, groups)]
    found += [*_of_factors(data), *_of_pairs(data), *_of_parts(parts, data if readable else None)]
    return Report(found, _columns(data), pixels, settings, reasons)


# Reading: what can be read, and why the rest cannot


def _read(images, factors, names, units, periods, categorical):
    """A `FactorDataset` of all that can be read, whether that includes the images, and what is refused."""
    if factors is None:
        factors, names, units = {}, None, None
    try:
        return _dataset(images, factors, names, units, periods, categorical), True, []
    except (TypeError, ValueError) as error:
        whole, found = error, []
    pixels = _tried(found, "images", take_images, images)
    read = _tried(found, "factors", _by_column, factors, names, units, pixels)
    columns, units = read or ({}, {})
    if read is None or _tried(found, "factors", _check_kinds, columns, periods, categorical) is None:
        periods, categorical = None, ()
    n = len(next(iter(columns.values()))) if columns else len(pixels if pixels is not None else ())
    blank = np.zeros((n, 1, 1, 1)) if pixels is None else pixels
    kept = {}
    for name, column in columns.items():
        own = blank, name, column, _only(periods, [name]), _only(categorical, [name])
        if _tried(found, f"column {name!r}", _column, *own) is not None:
            kept[name] = column
    own = [units[name] for name in kept]
    data = _dataset(blank, kept, None, own, _only(periods, kept), _only(categorical, kept))
    return data, pixels is not None, found or [_refused(whole, "factors")]


def _dataset(images, factors, names, units, periods, categorical):
    """A `FactorDataset`, without its warnings, which become findings."""
    with catch_warnings():
        simplefilter("ignore", AuxVAEWarning)
        factors = factors if len(factors) else np.empty((len(images), 0))
        return FactorDataset(images, factors, names, units, periods=periods, categorical=categorical)


def _column(images, name, column, periods, categorical):
    """A `FactorDataset` of one factor."""
    if getattr(getattr(column, "dtype", None), "kind", "") in tuple("mM"):
        gaps = sum(map(is_gap, column))
        raise ValueError(
            f"column {name!r} holds dates or durations, {gaps} of them NaT: write (dates - np.nanmin(dates)) / "
            'np.timedelta64(1, "D") for days, where NaT becomes NaN, a factor that is not told'
        )
    return _dataset(images, {name: column}, None, None, periods, categorical)


def _by_column(factors, names, units, pixels):
    """The columns by name, and their units by name."""
    table, of_table = by_name(factors)
    rows = len(next(iter(table.values())) if table else factors)
    if pixels is not None and len(pixels) != rows and len(factors):
        raise ValueError(f"there are {len(pixels)} images and {rows} rows of factors: give one row for each image")
    columns = in_columns(factors, rows) if table is None else list(table.values())
    own = [f"u{k + 1}" for k in range(len(columns))] if table is None else list(table)
    names = listed("names", names) or own
    units = listed("units", units) or [of_table.get(name, "1") if of_table else "1" for name in own]
    if not len(names) == len(set(names)) == len(units) == len(columns):
        raise ValueError(f"give {len(columns)} names that differ, and as many units; got {names} and {units}")
    return dict(zip(names, columns, strict=True)), dict(zip(names, units, strict=True))


def _check_kinds(names, periods, categorical):
    classes = (
        categorical if isinstance(categorical, Mapping) else dict.fromkeys(listed("categorical", categorical), "x")
    )
    return kinds_of_factors.kinds_of(list(names), periods, classes)


def _only(given, names):
    """The part of `periods` or `categorical` that is about some names."""
    chosen = [name for name in given or () if name in names]
    return {name: given[name] for name in chosen} if isinstance(given, Mapping) else chosen


def _tried(found, where, function, *arguments):
    """What a function returns; None if it refuses, and then that is a finding."""
    try:
        return function(*arguments)
    except (TypeError, ValueError) as error:
        found.append(_refused(error, where))
        return None


def _refused(error, where):
    """A finding of an error, or of a sentence, which may name its place."""
    place = re.search(r"row \d+(, column '[^']*')?", str(error))
    what = "factors" if where.startswith("column") else where
    return Finding("refused", what, place[0] if place else where, _sentence(str(error)))


def _sentence(text):
    return text[0].upper() + text[1:].rstrip(".") + "."


def _look(what, where, text, level="look"):
    return Finding(level, what, where, _sentence(text))


def _about(name, text, level="look"):
    return _look("factors", f"column {name!r}", f"{name!r} {text}", level)


# Pixels


def pixel_noise(images):
    r"""Standard deviation of white noise in images, robust against what they show; 0 for a drawing without noise.

    .. math:: s = 1.4826 \operatorname{median} |x * L|, \qquad
              L = \frac16 \begin{pmatrix} 1 & -2 & 1 \\ -2 & 4 & -2 \\ 1 & -2 & 1 \end{pmatrix}

    over the fainter half of each image, chosen by means of 3x3 pixels, which are independent of x * L where the noise
    is white.

    Arguments:
        images: Shape (n, H, W), at least 3 pixels a side.

    Returns:
        Float, in the pixels' unit. Too small where the noise differs between pixels, and for counts near 0.

    Example:
        >>> bool(abs(pixel_noise(np.random.default_rng(0).normal(0, 5, (20, 32, 32))) - 5) < 0.1)
        True

    References:
        Immerkaer 1996, here with a median in place of his mean.
    """
    x = np.asarray(images, np.float64)
    rows, sums = x[:, :-2] - 2 * x[:, 1:-1] + x[:, 2:], x[:, :-2] + x[:, 1:-1] + x[:, 2:]
    curved = (rows[..., :-2] - 2 * rows[..., 1:-1] + rows[..., 2:]) / 6
    around = sums[..., :-2] + sums[..., 1:-1] + sums[..., 2:]
    faint = around <= np.median(around, axis=(1, 2), keepdims=True)
    return float(1.4826 * np.median(np.abs(curved[faint])))


def _evenly(images):
    """Rows whose pixels are looked at."""
    most = min(SEEN, max(1, int(SEEN_PIXELS / max(1, images[0].size))), len(images))
    return np.linspace(0, len(images) - 1, most).astype(int)


def _pixels(images, sample):
    channels = np.moveaxis(sample, 1, 0)
    noise = tuple(pixel_noise(channel) if min(channel.shape[1:]) > 2 else 0.0 for channel in channels)
    quantiles = tuple(tuple(np.quantile(channel, [0.001, 0.5, 0.999]).tolist()) for channel in channels)
    low, high = images.min((0, 2, 3)), images.max((0, 2, 3))
    extremes = float(low.min()), float(np.median(sample)), float(high.max())
    return Pixels(len(images), images.shape[1:], *extremes, noise, tuple((high - low).tolist()), quantiles)


class _Light(NamedTuple):
    """A channel's light: the softening for asinh, whether that suits it, and its offset, 0 where there is none."""

    soft: float
    deep: bool
    pedestal: float


def _lights(pixels):
    return [_light(*one) for one in zip(pixels.noise, pixels.quantiles, strict=True)]


def _light(noise, quantiles):
    low, middle, high = quantiles
    bright, grain = high - middle, max(noise, FLOOR * (high - low))
    deep = noise > 0 and bright > DEEP * grain and bright > 5 * (middle - low)
    gap = max(low, -high, 0)
    raised = high > low and (gap > high - low or deep and gap > 10 * grain)
    return _Light(float(f"{2 * grain:.3g}"), deep, middle * raised)


def _settings(pixels, sample, data):
    """What `suggest_config` sets, and a sentence for each."""
    latents = sum(kind.width for kind in data.kinds)
    n, batch = len(data), 128
    while batch > 16 and n // batch < 40:
        batch //= 2
    steps = max(1, n // batch)
    own = {"latent_dim": max(10, latents + 5), "batch_size": batch, "epochs": min(200, max(10, round(STEPS / steps)))}
    columns = "1 column" if latents == 1 else f"{latents} columns"
    why = [
        f"latent_dim={own['latent_dim']}: the factors need {columns}, and 5 latents or more are free.",
        f"batch_size={batch}: {n} rows then make {steps} steps an epoch.",
        f"epochs={own['epochs']}: about {own['epochs'] * steps} steps in all.",
    ]
    if _binary(pixels, sample):
        own |= {"likelihood": "bernoulli", "image_scaling": "minmax"}
        return own, [*why, "likelihood='bernoulli', image_scaling='minmax': nearly all pixels have one of two values."]
    lights = _lights(pixels)
    asinh = any(light.deep for light in lights) and not any(light.pedestal for light in lights)
    own |= {"sigma": None, "image_scaling": "asinh" if asinh else "minmax"}
    why.append("sigma=None: the pixels' noise is learned.")
    apart = 0 < UNLIKE * min(pixels.spans) <= max(pixels.spans) and len(lights) > 1
    if asinh:
        why.append("image_scaling='asinh': the brightest pixels are far above the noise, and most pixels are faint.")
    else:
        straight = "they have an offset" if any(light.pedestal for light in lights) else "their range is moderate"
        why.append(f"image_scaling='minmax': the pixels are scaled by a straight line, since {straight}.")
    if apart:
        own["softening"] = tuple(light.soft or FLOOR * span for light, span in zip(lights, pixels.spans, strict=True))
        why.append(f"softening={own['softening']}: the channels' spans differ, so each is scaled by itself.")
    elif asinh:
        own["softening"] = float(f"{np.mean([light.soft for light in lights]):.3g}")
        why.append(f"softening={own['softening']:g}: twice the estimated noise, or 1e-4 of the range if that is more.")
    return own, why


def _binary(pixels, sample):
    """Two values alone, or numbers from 0 to 1 of which more than 80 % are 0 or 1."""
    ends = np.mean((sample == pixels.low) | (sample == pixels.high))
    return pixels.low < pixels.high and bool(ends == 1 or ends > 0.8 and (pixels.low, pixels.high) == (0, 1))


def _of_pixels(pixels, images, sample, settings):
    """Findings about pixels."""
    least = 2 ** len(Config().widths)
    if min(pixels.shape[1:]) < least:
        yield _refused(
            f"images need {least} pixels a side or more, got {pixels.shape}: widen them with np.pad", "images"
        )
    flat = images.max((1, 2, 3)) == images.min((1, 2, 3))
    if flat.all():
        yield _refused("all images hold one value only: give images that vary", "images")
        return
    if flat.any():
        row = int(flat.argmax())
        message = f"{flat.sum()} images hold one value only, the first in row {row}. If they are blank, leave them out"
        yield _look("images", f"row {row}", message)
    for channel, (span, light) in enumerate(zip(pixels.spans, _lights(pixels), strict=True)):
        where = f"channel {channel}"
        if span == 0:
            yield _look("images", where, f"{where} holds one value only. Leave it out: np.delete(images, {channel}, 1)")
        if light.pedestal:
            message = (
                f"{where} has an offset near {light.pedestal:g}, which leaves little of the scaled range to the pixels"
            )
            yield _look("images", where, f"{message}. Subtract the background, such as images - {light.pedestal:.6g}")
    yield from _of_range(pixels, sample, settings)
    for value, count in _codes(sample.ravel(), CODES):
        message = f"{count} pixels of {sample.size} are {value:g}, apart from all others"
        yield _look("images", "images", f"{message}. If it stands for 'unknown', leave such images out")
    top = (images == pixels.high).sum((1, 2, 3)) >= 4
    if max(pixels.noise) > 0 and top.mean() > 0.01 and settings.get("likelihood") != "bernoulli":
        row = int(top.argmax())
        message = (
            f"{top.sum()} images reach the largest value, {pixels.high:g}, in 4 pixels or more, first in row {row}"
        )
        yield _look("images", f"row {row}", f"{message}. If they are saturated, leave them out")


def _of_range(pixels, sample, settings):
    """Findings about how much of the scaled range the pixels use."""
    bright = max(abs(pixels.low), abs(pixels.high))
    if bright < FAINT * Config().softening:
        message = f"the largest pixel is {bright:.3g}; Config() was made for counts of 20 and more"
        yield _look("images", "images", f"{message}. Write fit(report.suggest_config(), data)")
    faint, wide = int(np.argmin(pixels.spans)), int(np.argmax(pixels.spans))
    if 0 < pixels.spans[faint] < FAINT * pixels.spans[wide]:
        message = f"channel {faint} spans {pixels.spans[faint]:.3g}, channel {wide} {pixels.spans[wide]:.3g}: with one "
        how = f"Write softening={settings['softening']}" if "softening" in settings else "Multiply the fainter before"
        yield _look("images", f"channel {faint}", f"{message}scaling, the loss hardly sees the fainter. {how}")
    softening = settings.get("softening", Config().softening)
    if np.ptp(sample) == 0:
        return
    x = Scaling.fit(settings["image_scaling"], sample, softening=softening)(torch.from_numpy(sample)).numpy()
    typical, largest = float(np.median(np.ptp(x, axis=(1, 2, 3)))), float(np.abs(x).max())
    if typical < NARROW * largest:
        message = f"half of the images span less than {typical:.2g} of {largest:.2g} once scaled: few pixels are bright"
        yield _look("images", "images", f"{message}. Leave the brightest out, or choose another image_scaling")


def _hashes(images):
    """A fingerprint of each image that varies, by row."""
    return {
        row: blake2b(np.ascontiguousarray(image), digest_size=16).digest()
        for row, image in enumerate(images)
        if image.min() < image.max()
    }


def _of_equal_images(data, groups):
    """Findings about rows that share an image."""
    if groups is not None and np.shape(groups) != (len(data),):
        yield _refused(f"groups must have one label per row, shape ({len(data)},); got {np.shape(groups)}", "groups")
        groups = None
    labels, first, again = range(len(data)) if groups is None else list(groups), {}, []
    for row, key in _hashes(data.images).items():
        other = first.setdefault(key, row)
        if labels[other] != labels[row]:
            again.append((other, row))
    if again:
        one, other = again[0]
        apart = sum(not np.array_equal(*data.factors[[one, other]], equal_nan=True) for one, other in again)
        message = f"{len(again)} rows repeat the image of another row, the first row {other} that of row {one}"
        message += f"; of these, {apart} have other factors" if apart else ""
        yield _look("images", f"row {other}", f"{message}. Leave them out, or give both one label in split(groups=...)")


def _of_parts(parts, data):
    """Findings about images that two parts of a split share."""
    parts = () if parts is None else tuple(parts) if isinstance(parts, list | tuple) else (parts,)
    called = ("training", "validation", "test") if len(parts) == 3 else [f"part {k}" for k in range(len(parts))]
    for part, name in zip(parts, called, strict=True):
        if not isinstance(part, FactorDataset):
            yield _refused(f"{name} is no FactorDataset but {type(part).__name__}: write data.split(seed=0)", "parts")
            return
        if data is not None and part.images.shape[1:] != data.images.shape[1:]:
            yield _refused(f"{name} has images of {part.images.shape[1:]}, not {data.images.shape[1:]}", "parts")
    keys = {name: _hashes(part.images) for name, part in zip(called, parts, strict=True)}
    for one, other in combinations(called, 2):
        known = set(keys[one].values())
        shared = [row for row, key in keys[other].items() if key in known]
        if shared:
            message = f"{len(shared)} images of {other} are in {one}, too, the first in row {shared[0]} of {other}"
            yield _look("parts", f"{one}, {other}", f"{message}: scores would be too good. Use split(groups=...)")


# Factors


def _codes(values, known=None):
    """Values that lie apart from all others, each repeated, with their counts: codes for "unknown", it may be.

    Apart means further from the others than those spread (5 to 95 %), or a tenth of that for one of `CODES`.
    """
    rest, more = values, len(values) >= FEW
    while more:
        more = False
        for value in (rest.min(), rest.max()):
            others = rest[rest != value]
            if not 2 <= len(rest) - len(others) < len(rest) - 2:
                continue
            low, high = np.quantile(others, [0.05, 0.95])
            if not ((others > others.min()) & (others < others.max())).any():  # two values are labels
                continue
            gap, code = np.abs(others - value).min(), float(f"{value:.6g}") in CODES
            if gap > (0.1 if code else 1) * (high - low) and (code or known is None):
                yield float(value), len(rest) - len(others)
                rest, more = others, True
                break


def _of_factors(data):
    """Findings about the factors, one by one, and about their number."""
    needed, latents = sum(kind.width for kind in data.kinds), Config().latent_dim
    if needed > latents:
        message = f"the factors need {needed} latents, and Config() has {latents}: write latent_dim={needed + 5}"
        yield _look("factors", "factors", message)
    same = kinds_of_factors.same_for_all(data.factors, data.kinds)
    for name, unit, kind, column, alike in zip(data.names, data.units, data.kinds, data.factors.T, same, strict=True):
        told = column[~np.isnan(column)]
        if len(told) < len(column):
            share = f"is told in {len(told)} of {len(column)} rows; the others train without it"
            yield _about(name, share, "note")
        if alike:
            how = f"is constant ({told[0]:.10g})" if len(told) else "is told in no row"
            yield _about(name, f"{how} and cannot guide a latent: leave it out", "refused")
            continue
        if not kind.classes:
            yield from _of_values(name, column, kind)
        yield from _of_labels(name, told, kind)
        if kind == kinds_of_factors.Kind():
            yield from _of_number(name, unit, told)
        if kind.period:
            yield from _of_period(name, told, kind.period)


def _of_values(name, column, kind):
    """Codes for "unknown": values apart from all others, repeated or, of a number, very far out."""
    column = np.array(column)
    for value, count in list(_codes(column[~np.isnan(column)])):
        row = int(np.argmax(column == value))
        column[column == value] = np.nan
        message = f"column {name!r} has {value:g} in {count} rows, apart from all others, the first in row {row}"
        yield _look("factors", f"row {row}, column {name!r}", f"{message}. If it stands for 'unknown', make it NaN")
    if kind.period:
        return
    with catch_warnings(record=True) as caught:
        simplefilter("always")
        check_spread(column[:, None], "factors", [name])
    for warning in caught:
        place = re.search(r"row \d+, column '.*?'", str(warning.message))
        yield _look("factors", place[0] if place else f"column {name!r}", str(warning.message))


def _of_labels(name, told, kind):
    """A class's labels, and those of a number with few values."""
    values, counts = np.unique(told, return_counts=True)
    labels = dict(zip(kind.codes.tolist(), kind.classes, strict=True)) if kind.classes else {}
    spoken = [str(labels.get(value, f"{value:g}")) for value in values.tolist()]
    numerals = [label for label in kind.classes if isinstance(label, str) and _is_number(label)]
    if 0 < len(numerals) < len(kind.classes):
        other = next(label for label in kind.classes if label not in numerals)
        message = f"mixes words with numbers, such as {other!r} and {numerals[0]!r}, and is taken as a class"
        yield _about(name, f"{message}. If the words stand for 'unknown', write None, and .astype(float)")
        return
    if kind.classes:
        yield _about(name, f"is a class of {len(kind.classes)} labels: {_short(map(str, kind.classes))}", "note")
        if blanks := [label for label in spoken if label.strip().lower() in BLANKS]:
            yield _about(name, f"has the label {blanks[0]!r}. If it stands for 'unknown', write None in its place")
    elif kind.period is None and 2 < len(values) <= 10 and (values == np.round(values)).all():
        yield _about(name, f"has {len(values)} whole values. If they are labels, write categorical=[{name!r}]", "note")
    if kind.classes or kind.period is None and len(values) == 2:
        rare = [(label, count) for label, count in zip(spoken, counts.tolist(), strict=True) if count < FEW]
        if rare:
            said = _short(f"{label} in {count}" for label, count in rare)
            yield _about(name, f"has labels in fewer than {FEW} rows: {said}. Join them with others, or leave them out")


def _of_number(name, unit, told):
    """An angle that is not declared, and a value that float32 would lose."""
    span, largest = float(np.ptp(told)), float(np.abs(told).max())
    if 0 < span < LEVELS * np.finfo(np.float32).eps * largest:
        message = f"varies by {span:.3g} around {largest:.10g}. Keep it float64, as here; float32 would lose it"
        yield _about(name, message, "note")
    if unit.strip().lower() not in ANGLE_UNITS and not any(word in name.lower() for word in ANGULAR):
        return
    turn = next((turn for turn in TURNS if 0.85 * turn < span < 1.02 * turn), None)
    if turn is not None:
        low, high = _range(told).split(" to ")
        written = {2 * math.pi: "2 * np.pi", math.pi: "np.pi"}.get(turn, turn)
        message = f"spans {span:.4g}, and {low} lies far from {high}. If both are one direction"
        yield _about(name, f"{message}, write periods={{{name!r}: {written}}}")


def _of_period(name, told, period):
    span = float(told.max()) - float(told.min())
    if period in (180, 360) and 0.85 * math.pi < span < 1.02 * 2 * math.pi:
        yield _about(name, f"spans {span:.3g} of its period {period:g}. If it is in radians, write 2 * np.pi or np.pi")
    elif span > 2 * period:
        yield _about(name, f"spans {span:.3g}, more than two of its periods of {period:g}. If in degrees, write 360")


def _of_pairs(data):
    """Factors that go together."""
    if len(data) < 3 or not data.names:
        return
    columns = [_standing(column, kind) for column, kind in zip(data.factors.T, data.kinds, strict=True)]
    for (one, left), (other, right) in combinations(zip(data.names, columns, strict=True), 2):
        rows = ~np.isnan(left).any(1) & ~np.isnan(right).any(1)
        rho = _largest_rho(left[rows], right[rows])
        where = f"columns {one!r}, {other!r}"
        if rho > 1 - 1e-6:
            yield _look("factors", where, f"{one!r} and {other!r} say the same. Leave one of them out")
        elif rho > max(RELATED, 4 * expected_null(max(3, rows.sum()))):
            message = f"{one!r} and {other!r} correlate, |rho| = {rho:.2f}: such data alone cannot tell them apart"
            yield _look("factors", where, f"{message}. Give rows where they differ, or guide with one of them")


def _standing(column, kind):
    """A factor's columns, of a class those of labels with enough rows."""
    columns = kinds_of_factors.expand(torch.from_numpy(column[:, None]), (kind,)).numpy()
    return columns[:, np.nansum(columns, axis=0) >= FEW] if kind.classes else columns


def _largest_rho(left, right):
    left, right = (part[:, ~constant(part)] for part in (left, right))
    if len(left) < 3 or not left.size or not right.size:
        return 0.0
    left, right = ((part - part.mean(0)) / part.std(0) for part in (left, right))
    return float(np.abs(left.T @ right).max()) / len(left)


def _columns(data):
    """The report's table."""
    for name, unit, kind, column in zip(data.names, data.units, data.kinds, data.factors.T, strict=True):
        told = column[~np.isnan(column)]
        called = "class" if kind.classes else f"angle of period {kind.period:g}" if kind.period else "number"
        span = _range(told) if len(told) else "none"
        values = _short(map(str, kind.classes)) if kind.classes else span
        yield Column(name, called, unit, len(told) / max(1, len(column)), values, len(np.unique(told)))


def _range(values):
    """Least and largest value, with the digits that tell them apart."""
    low, high = float(values.min()), float(values.max())
    digits = 4 if f"{low:.4g}" != f"{high:.4g}" else 16
    return f"{low:.{digits}g} to {high:.{digits}g}"


def _short(words, most=6):
    words = list(words)
    return ", ".join(words[:most]) + (f", and {len(words) - most} more" if len(words) > most else "")


def _is_number(text):
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
