"""What the scripts' command lines take: numbers in range and files that can be written, or one line that says why not.

It is not run by itself.
"""

import argparse

from auxvae_lite import files


def whole(least):
    """A type of argument: a whole number, at least `least`."""

    def number(text):
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be a whole number, at least {least}; got {text!r}")
        return int(text)

    return number


def writable(text):
    """A type of argument: the name of a file that can be written, which is tried before hours of work."""
    try:
        files.check_writable(text)
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text
