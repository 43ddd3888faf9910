"""What the package warns of: results that stand, and that deserve a second look."""

import os
import sys
import warnings
from pathlib import Path

__all__ = ["AuxVAEWarning", "warn"]

HERE = str(Path(__file__).parent) + os.sep


class AuxVAEWarning(UserWarning):
    """The class of all our warnings, so that they can be silenced, or made errors, apart from everybody else's."""


def warn(message):
    """Warn with `AuxVAEWarning`, at the line outside the package that led here."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(HERE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, AuxVAEWarning, stacklevel=level)
