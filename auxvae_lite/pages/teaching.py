"""What a chapter needs to let the reader check things, in Colab as in the book."""

import inspect
import math

__all__ = ["check", "show_source"]


def check(name, value, reference, tol):
    """Compare a measured number with a reference, and print what does not change from run to run.

    Arguments:
        name: What was measured.
        value: The measured number.
        reference: The expected number.
        tol: Largest accepted absolute difference; 0 asks for equality.

    Raises:
        AssertionError: if the value is outside, or NaN, with all numbers.

    Example:
        >>> check("pi", 3.1416, 3.14159, tol=1e-4)
        pi: inside 3.14159 +- 0.0001
    """
    value = float(value.detach() if hasattr(value, "detach") else value)
    if not math.isfinite(value) or abs(value - reference) > tol:
        raise AssertionError(f"{name}: {value:g} is outside {reference:g} +- {tol:g}")
    print(f"{name}: inside {reference:g} +- {tol:g}")


def show_source(function):
    """The source of one of the package's functions or classes, as highlighted code in a notebook."""
    from IPython.display import Markdown

    return Markdown(f"```python\n{inspect.getsource(function)}```")
