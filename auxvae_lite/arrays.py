"""One way to take an array in: it becomes plain finite numbers, or an error that names the place and what to type.

Arrays come as NumPy's, torch's, pandas' or astropy's; with another byte order, negative strides, masks, dates, words,
complex numbers, gaps. Nothing of that may become a number that nobody meant.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from numbers import Integral, Real

import numpy as np
import torch

from .cautions import warn

__all__ = ["by_name", "check_spread", "constant", "listed", "take", "take_images"]

FAR = 100  # spreads from the median, beyond which a value looks like a code for "unknown", such as -99
ROUNDING = 16  # epsilons: a column that varies by less, beside its largest value, is constant
SMALLEST = 16  # pixels on a side of an image that a model takes; fewer are channels
FAINTEST = 1e-30  # largest pixel of images whose faint ones float32 still holds
LEVELS = 256  # that an image's pixels must keep when they become float32
EXACT = 2**53  # whole numbers above it are not all float64


def take(value, what, dtype=np.float64, names=None, copy=False):
    """An array of finite numbers in the machine's byte order, with no stride below 0.

    Arguments:
        value: Array, tensor, table or nested lists of real numbers, any shape.
        what: What it is, for errors: "images", "factors", "codes".
        dtype: float64, or float32 for images.
        names: Names of the columns, for errors, if it has columns.
        copy: Whether the result must share no memory with `value`, because it is kept; it is then in C order.

    Returns:
        Array of that dtype, that may be written to.

    Raises:
        ValueError: for masked or missing entries, NaN, infinity, dates, words, complex numbers, structured arrays,
            and numbers beyond the dtype; naming row and column and what to do.

    Example:
        >>> take(np.arange(3, dtype=">i2")[::-1], "codes")
        array([2., 1., 0.])
    """
    return _as(_plain(value, what, names), what, dtype, copy)


def take_images(value, what="images", copy=False):
    """Images as float32, as `take` does, with channels first and pixels that float32 can tell apart.

    Arguments:
        value: Shape (n, C, H, W).
        what, copy: As in `take`.

    Raises:
        ValueError: for another shape, channels last, a spread that float32 loses, and as in `take`.
    """
    array = _plain(value, what)
    if array.ndim != 4:
        hints = {
            2: "One image is images[None, None]",
            3: "Is the channel missing? Write images[:, None]; one is images[None]",
        }
        hint = hints.get(array.ndim, "Give one axis for each of row, channel, height and width")
        raise ValueError(f"{what} must have shape (n, C, H, W), got {array.shape}. {hint}")
    if array.shape[3] < SMALLEST <= array.shape[1]:
        raise ValueError(f"{what} must have channels first, got {array.shape}: write np.moveaxis(images, 3, 1)")
    if array.size and array.dtype != np.float32:
        spread, largest = float(array.max()) - float(array.min()), float(np.abs(array).max())
        if 0 < largest < FAINTEST:
            raise ValueError(f"{what} reach {largest:.3g} only, which float32 loses: multiply them by a constant first")
        if 0 < spread < LEVELS * float(np.finfo(np.float32).eps) * largest:
            raise ValueError(
                f"{what} vary by {spread:.3g} around {largest:.3g}, which float32 loses: subtract their minimum first"
            )
    return _as(array, what, np.float32, copy)


def _plain(value, what, names=None):
    """An array of finite real numbers, of any such dtype."""
    if isinstance(value, torch.Tensor):
        value = value.detach().to_dense().cpu().resolve_conj().resolve_neg()
        value = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    if hasattr(value, "unit") and hasattr(value, "to_value"):
        raise ValueError(f"{what} carry the unit {value.unit}: give numbers, as value.to_value({str(value.unit)!r})")
    mask = getattr(value, "mask", None)
    if isinstance(mask, np.ndarray | np.bool_) and np.any(mask):
        place = _first(np.broadcast_to(mask, np.shape(value)), names)
        raise ValueError(f"{what} must be known: {place} is masked. Leave such rows out, never fill them")
    try:
        array = np.asarray(value)
    except ValueError as error:  # nested lists of unequal lengths
        raise ValueError(f"{what} must be an array of numbers, each row as long as the others ({error})") from error
    array = _numbers(array, what, names)
    bad = ~np.isfinite(array)
    if bad.any():
        raise ValueError(
            f"{what} must be finite: {bad.sum()} values are not, the first in {_first(bad, names)}. "
            "Leave such rows out, never fill them: a guess would be taken for the truth"
        )
    return array


def _as(array, what, dtype, copy):
    with np.errstate(over="ignore"):
        result = np.array(
            array, dtype=dtype, order="C" if copy else "K", copy=copy or not array.flags.writeable or None
        )
    if min(result.strides, default=0) < 0:  # torch takes no array that runs backwards
        result = np.ascontiguousarray(result)
    if not np.isfinite(result).all():
        raise ValueError(
            f"{what} reach {np.abs(array).max():.3g}, beyond {result.dtype}: divide them by a constant first"
        )
    return result


def _numbers(array, what, names):
    """The array if it holds real numbers; objects one by one."""
    kind = array.dtype.kind
    if kind == "c":
        raise ValueError(f"{what} must be real, got {array.dtype}: give array.real, np.abs(array), or both parts")
    if kind == "V":
        raise ValueError(f"{what} must be a plain array, got fields {array.dtype.names}: give one column per field")
    if kind in "OmMUS":
        for index, entry in np.ndenumerate(array):
            if problem := _problem(entry):
                hit = np.zeros(array.shape, bool)
                hit[index] = True
                raise ValueError(f"{what} must be numbers: {_first(hit, names)} is {problem}")
        return array.astype(np.float64)
    if kind in "iu" and array.size and max(int(array.max()), -int(array.min())) > EXACT:
        raise ValueError(
            f"{what} has whole numbers above 2**53, which float64 cannot tell apart: subtract the smallest"
        )
    return array


def _problem(entry):
    """What is wrong with one entry, or nothing."""
    if isinstance(entry, np.datetime64 | np.timedelta64 | date | timedelta):
        told = "not told" if str(entry) == "NaT" else f"{entry}, a date or a duration"
        return f'{told}: give numbers, such as (dates - dates.min()) / np.timedelta64(1, "D") for days'
    if entry is None or str(entry) in ("<NA>", "NaT", "--"):
        return f"{entry}, not told: leave such rows out, never fill them"
    if isinstance(entry, str | bytes):
        text = entry.decode(errors="replace") if isinstance(entry, bytes) else str(entry)
        return f'{text!r}, a word: give a column of 0 and 1 per class, as (column == "{text}"), or .astype(float)'
    if isinstance(entry, complex | np.complexfloating):
        return f"{entry}, a complex number: give its real part, its size, or both parts"
    if isinstance(entry, Integral) and abs(entry) > EXACT:
        return f"{entry}, above 2**53, where float64 cannot tell whole numbers apart: subtract the smallest"
    if not isinstance(entry, Real) and not hasattr(entry, "__float__"):
        return f"{repr(entry)[:40]}, of type {type(entry).__name__}"
    return None


def _first(bad, names):
    """The first true place in words: row, and column where there are columns."""
    index = np.argwhere(bad)[0]
    if not len(index):
        return "the value"
    row = f"row {index[0]}"
    if len(index) != 2:
        return row
    named = names is not None and index[1] < len(names)
    return f"{row}, column {names[index[1]]!r}" if named else f"{row}, column {index[1]}"


def by_name(value):
    """Columns with their names, from a dictionary of columns or a table; any other array, and None.

    Returns:
        What `take` takes, and the list of names or None.
    """
    if isinstance(value, Mapping):
        columns = [np.atleast_1d(np.asanyarray(column)) for column in value.values()]
        if len({len(column) for column in columns}) > 1:
            raise ValueError(f"columns must have one length, got {', '.join(str(len(c)) for c in columns)}")
        return np.ma.stack(columns, axis=1) if columns else np.empty((0, 0)), [str(name) for name in value]
    if hasattr(value, "columns"):
        return value, [str(name) for name in value.columns]
    return value, None


def listed(label, given):
    """Names or units as a list of strings; None stays None.

    Raises:
        ValueError: for one string, whose letters would be the names; for a set, which has no order; for entries that
            are no strings.
    """
    if given is None:
        return None
    if isinstance(given, str):
        raise ValueError(f"{label} must be a list, one entry per column, got the string {given!r}; write [{given!r}]")
    if isinstance(given, set | frozenset):
        raise ValueError(f"{label} must be a list, which has an order, got {given!r}")
    given = list(given)
    odd = [entry for entry in given if not isinstance(entry, str)]
    if odd:
        raise ValueError(f"{label} must be strings, got {odd[0]!r}; write {str(odd[0])!r}")
    return [str(entry) for entry in given]


def constant(array):
    """Which columns vary by no more than rounding: max - min at most 16 epsilon times the largest value.

    It is the package's one threshold: scalings, models and metrics ask here; the penalties, on batches, have the same
    16 epsilons of their own precision.

    Arguments:
        array: Finite, shape (n, K).

    Returns:
        Booleans, shape (K,); all true for no rows.
    """
    if not len(array):
        return np.ones(array.shape[1], bool)
    high, low = array.max(0), array.min(0)
    with np.errstate(over="ignore"):
        return high - low <= ROUNDING * np.finfo(array.dtype).eps * np.maximum(np.abs(high), np.abs(low))


def check_spread(array, what, names=None):
    """Warn of values so far out that they look like codes for "unknown"; refuse a spread that no float64 holds.

    Arguments:
        array: Finite, shape (n, K), float64.
        what, names: As in `take`.

    Raises:
        ValueError: if the squares of a column's deviations overflow, naming row and column.
    """
    if not len(array):
        return
    with np.errstate(over="ignore", invalid="ignore"):
        broken = ~np.isfinite(array.std(0))
    if broken.any():
        far = (np.abs(array) == np.abs(array).max(0)) & broken
        raise ValueError(
            f"{what}: {_first(far, names)} is {array[far][0]:.3g}, whose square no float64 holds: leave it out"
        )
    middle = np.median(array, axis=0)
    wide, narrow = np.quantile(array, [0.95, 0.75], axis=0) - np.quantile(array, [0.05, 0.25], axis=0)
    spread = np.where(narrow > 0, narrow, wide)
    far = (np.abs(array - middle) > FAR * spread) & (spread > 0)
    for column in np.flatnonzero(far.any(0)):
        place = _first(far & (np.arange(array.shape[1]) == column), names)
        value = array[np.argmax(far[:, column]), column]
        warn(
            f"{what}: {place} is {value:g}, over {FAR} interquartile ranges from the median ({far[:, column].sum()} "
            "such rows). If it stands for 'unknown', leave it out; if it is real, consider its logarithm"
        )
