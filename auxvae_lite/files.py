"""One way to write a file: tensors and a JSON header in safetensors, checked when read, never half-written.

No pickled code is ever written or run. What is written lands under its final name in one step, or not at all.
"""

import errno
import hashlib
import json
import os
import re
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch

from . import __version__
from .cautions import warn

__all__ = ["check_writable", "checksum", "expect", "read", "replacing", "write", "write_text"]


def write(path, tensors, header):
    """Write named tensors and a header.

    Arguments:
        path: Final name; missing folders are made.
        tensors: Mapping of names to torch tensors or numpy arrays, of any dtype that safetensors knows.
        header: Mapping that JSON can hold; the package's version joins it as "version".

    Returns:
        The content's sha256 (over names, dtypes, shapes, bytes and header), which `read` verifies.

    Raises:
        OSError: if it cannot be written, naming the file; what was there before stays.
    """
    from safetensors.torch import save

    tensors = _own(tensors)
    text = json.dumps({"version": __version__} | header)
    digest = checksum(tensors, text)
    _replace(path, save(tensors, metadata={"header": text, "sha256": digest}))
    return digest


def read(path):
    """Read what `write` wrote.

    The file is read once and closed before its content is verified: what happens to it afterwards changes nothing.

    Returns:
        Two dictionaries: tensors by name, and the header.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is truncated, altered, or not written by `write`.

    A file of a newer version than this one is read, with a warning.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    content = path.read_bytes()
    try:
        tensors = load(content)  # copies: the tensors are no windows on `content`
        kept = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]).get("__metadata__") or {}
    except (SafetensorError, KeyError) as error:  # KeyError: of a type that torch does not have
        raise ValueError(f"{path} is truncated or not a safetensors file ({error}); make or copy it again") from error
    del content  # as large as all tensors together
    if not {"header", "sha256"} <= kept.keys():
        raise ValueError(f"{path} was not written by auxvae_lite: its header is missing")
    if checksum(tensors, kept["header"]) != kept["sha256"]:
        raise ValueError(f"{path} was altered after it was written: its checksum differs; make or copy it again")
    try:
        header = json.loads(kept["header"])
    except ValueError as error:
        raise ValueError(f"{path} was not written by auxvae_lite: its header is no JSON ({error})") from error
    if not isinstance(header, dict):
        raise ValueError(f"{path} was not written by auxvae_lite: its header is {header!r}, no mapping")
    if _release(header.get("version")) > _release(__version__) > ():
        warn(
            f"{path} was written by auxvae_lite {header['version']}, and this is {__version__}, which may not know all "
            "that it says: install that version, or a newer one"
        )
    return tensors, header


def _release(version):
    """The numbers of a version's release, without zeros at its end; () for what is none."""
    found = re.match(r"\d+(\.\d+)*", str(version))
    return tuple(map(int, re.sub(r"(\.0+)+$", "", found[0]).split("."))) if found else ()


def expect(header, known, path):
    """Warn of a header's fields that nobody here knows, and that are ignored.

    Arguments:
        header: Mapping from `read`.
        known: Names of the fields that its kind of file has; "version" is always among them.
        path: The file, for the warning.
    """
    if unknown := sorted(header.keys() - {*known, "version"}):
        warn(f"{path} has fields that this version of auxvae_lite does not know and ignores: {', '.join(unknown)}")


def write_text(path, text):
    """Write `text` to `path` in one step, as UTF-8."""
    _replace(path, text.encode())


def _own(tensors):
    """Contiguous tensors on the CPU, no two in the same memory, as safetensors asks."""
    own, taken = {}, set()
    for name, value in tensors.items():
        value = np.ascontiguousarray(value) if isinstance(value, np.ndarray) and value.ndim else value
        tensor = torch.as_tensor(value).detach().cpu().contiguous()
        memory = tensor.untyped_storage().data_ptr()
        own[name] = tensor.clone() if memory in taken else tensor
        taken.add(memory)
    return own


def _replace(path, content):
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path):
    """A binary file to fill in a `with` block; it takes its final name when the block ends well, or never.

    Its mode is that of any new file, 0666 less the umask. Where `path` is a link, what it leads to is replaced.

    Raises:
        OSError: if it cannot be written, naming the file; what was there before stays.
    """
    path = Path(path).expanduser()
    final = _final(path)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(error.errno, f"its folder cannot be made ({error.strerror})", str(path)) from error
    file, temporary = _beside(path, final.parent, final.name)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, final)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename in (None, temporary):  # not that of another file
            raise OSError(error.errno, f"{error.strerror or error}, so it was left as it was", str(path)) from error
        raise


def check_writable(path):
    """Find out, before hours of work, whether `replacing` could write a file there; nothing is left behind.

    Raises:
        OSError: if not, naming the file.
    """
    path = Path(path).expanduser()
    final = _final(path)
    folder = next(parent for parent in final.parents if os.path.lexists(parent))
    file, temporary = _beside(path, folder, final.name)
    file.close()
    os.unlink(temporary)


def _final(path):
    """What is to be replaced: the file of that name, or what a link of that name leads to."""
    final = Path(os.path.realpath(path))
    if path.is_symlink() and not final.exists():
        there = f"it is a link to {os.readlink(path)}, where nothing is: make that file, or remove the link"
        raise FileNotFoundError(errno.ENOENT, there, str(path))
    if final.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder: add a file's name", str(path))
    if final.exists() and not final.is_file():
        raise FileExistsError(errno.EEXIST, "it is a device or another special file: give another name", str(path))
    return final


def _beside(path, folder, name):
    """A new hidden file in a folder, open, and its name; with the mode that any new file gets."""
    temporary = str(folder / f".{name[:50]}.{secrets.token_hex(8)}")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        return os.fdopen(os.open(temporary, flags, 0o666), "wb"), temporary
    except OSError as error:
        raise OSError(error.errno, f"its folder takes no new file ({error.strerror})", str(path)) from error


def checksum(tensors, text):
    """The sha256 over named tensors (names, dtypes, shapes, bytes) and a text."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = torch.as_tensor(tensors[name])
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(np.ascontiguousarray(tensor.reshape(-1).view(torch.uint8).numpy()))
    return digest.hexdigest()
