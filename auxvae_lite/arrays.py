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

__all__ = ["by_name", "check_spread", "constant", "in_columns", "is_gap", "listed", "numbers", "take", "take_images",
           "words"]  # fmt: skip

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
    if 0 in array.shape[1:]:
        raise ValueError(f"{what} of shape {array.shape} hold no pixel: give some")
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


def _from_torch(tensor):
    tensor = tensor.detach().to_dense().cpu().resolve_conj().resolve_neg()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _plain(value, what, names=None):
    """An array of finite real numbers, of any such dtype."""
    if isinstance(value, torch.Tensor):
        value = _from_torch(value)
    _check_unit(value, what)
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


def _check_unit(value, what):
    if hasattr(value, "unit") and hasattr(value, "to_value"):
        raise ValueError(f"{what} carry the unit {value.unit}: give numbers, as value.to_value({str(value.unit)!r})")


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
        return f'{told}: give numbers, such as (dates - np.nanmin(dates)) / np.timedelta64(1, "D") for days'
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
    """Columns and units by name, from a dictionary of columns or a table (pandas, polars, astropy); else None, None.

    Returns:
        Dictionary from a name to its column, and from a name to its unit where the table says one.

    Raises:
        ValueError: for columns of unequal lengths, or two of one name.
    """
    if not isinstance(value, Mapping) and not hasattr(value, "columns"):
        return None, None
    keys = list(value if isinstance(value, Mapping) else value.columns)
    names = [str(key) for key in keys]
    if len(set(names)) < len(names):
        raise ValueError(f"names must differ, got {', '.join(names)}")
    columns, units = {}, {}
    for name, key in zip(names, keys, strict=True):
        column = value[key]
        unit = getattr(column, "unit", None)
        if isinstance(unit, str) or hasattr(unit, "to_string"):
            units[name] = str(unit)
            column = column.to_value(unit) if hasattr(column, "to_value") else column
        columns[name] = np.atleast_1d(column) if np.ndim(column) == 0 else column
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError(f"columns must have one length, got {', '.join(str(len(c)) for c in columns.values())}")
    return columns, units


def in_columns(value, rows):
    """The columns of factors of shape (n, K), each as it came: words, gaps and masks included.

    Raises:
        ValueError: for another shape than `rows` by K.
    """
    value = _from_torch(value) if isinstance(value, torch.Tensor) else value
    if not isinstance(value, np.ndarray):
        try:
            array = np.asarray(value)
        except ValueError as error:  # nested lists of unequal lengths
            raise ValueError(f"factors must be an array, each row as long as the others ({error})") from error
        value = array if array.dtype.kind not in "OUST" else np.array(value, dtype=object)  # of words beside numbers
    _check_unit(value, "factors")
    if value.dtype.kind == "V" or not value.ndim:
        take(value, "factors")  # which says what is wrong
    if value.ndim != 2 or len(value) != rows:
        hint = ". Write factors[:, None]" if value.ndim == 1 else ""
        raise ValueError(f"factors must have shape (n, K), a row per image; got {value.shape}, {rows} images{hint}")
    return [value[:, column] for column in range(value.shape[1])]


def numbers(column, what, name):
    """A column of numbers as float64, NaN where one is not told: NaN, None, NaT, pandas' NA, a masked entry.

    Arguments:
        column: Shape (n,).
        what, name: What it is a column of, and its name, for errors.

    Raises:
        ValueError: as `take` does.
    """
    array, gaps = _gaps(column)
    filled = array.copy() if array.dtype.kind in "fciub" else array.astype(object)  # whose first odd entry is named
    filled[gaps] = 0
    result = take(filled[:, None], what, names=[name])[:, 0]
    result[gaps] = np.nan
    return result


def words(column, numerals=False):
    """A column of words as a list of strings, None where one is not told; None if the column holds anything else.

    Arguments:
        column: Shape (n,).
        numerals: Whether "1" and "2.5" are words, too.
    """
    array, gaps = _gaps(column)
    if array.dtype.kind not in "OUST":
        return None
    told = [entry.decode(errors="replace") if isinstance(entry, bytes) else entry for entry in array.tolist()]
    told = [None if gap else entry for entry, gap in zip(told, gaps, strict=True)]
    known = [entry for entry in told if entry is not None]
    if not known or not all(isinstance(entry, str) for entry in known):
        return None
    return told if numerals or not all(map(_is_numeral, set(known))) else None


def _is_numeral(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _gaps(column):
    """A column as an array, and where its entries are not told."""
    column = _from_torch(column) if isinstance(column, torch.Tensor) else column
    mask = getattr(column, "mask", None)
    apart = None if hasattr(column, "__array__") else object  # or a list's NaN beside words became the word "nan"
    array = np.asarray(column, apart)
    if array.ndim != 1:
        raise ValueError(f"a column must have shape (n,), got {array.shape}")
    gaps = np.zeros(len(array), bool)
    if isinstance(mask, np.ndarray | np.bool_):
        gaps |= mask
    if array.dtype.kind == "f":
        gaps |= np.isnan(array)
    elif array.dtype.kind in "mM":
        gaps |= np.isnat(array)
    elif array.dtype.kind == "O":
        gaps |= np.fromiter(map(is_gap, array), bool, len(array))
    return array, gaps


def is_gap(entry):
    """Whether one entry says that nothing is told: None, NaN, NaT, pandas' NA, a masked one."""
    if entry is None or entry is np.ma.masked:
        return True
    return not isinstance(entry, str | bytes) and str(entry) in ("<NA>", "NaT", "nan")


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
        array: Finite, or NaN where nothing is told; shape (n, K), float64.
        what, names: As in `take`.

    Raises:
        ValueError: if the squares of a column's deviations overflow, naming row and column.
    """
    if not len(array):
        return
    for column, name in zip(array.T, names or range(array.shape[1]), strict=True):
        rows = np.flatnonzero(~np.isnan(column))
        if len(rows):
            _check_spread(column[rows], rows, what, f"column {name!r}")


def _check_spread(told, rows, what, column):
    with np.errstate(over="ignore", invalid="ignore"):
        broken = not np.isfinite(told.std())
    if broken:
        far = int(np.abs(told).argmax())
        raise ValueError(
            f"{what}: row {rows[far]}, {column} is {told[far]:.3g}, whose square no float64 holds: leave it out"
        )
    wide, narrow = np.quantile(told, [0.95, 0.75]) - np.quantile(told, [0.05, 0.25])
    spread = narrow if narrow > 0 else wide
    far = np.abs(told - np.median(told)) > FAR * spread
    if spread > 0 and far.any():
        first = int(far.argmax())
        warn(
            f"{what}: row {rows[first]}, {column} is {told[first]:g}, over {FAR} interquartile ranges from the median "
            f"({far.sum()} such rows). If it stands for 'unknown', leave it out, or give a data set NaN in its place; "
            "if it is real, consider its logarithm"
        )
