"""One way to write a file: tensors and a JSON header in safetensors, checked when read, never half-written.

No pickled code is ever written or run. What is written lands under its final name in one step, or not at all.
"""

import hashlib
import json
import os
import tempfile
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

__all__ = ["checksum", "read", "replacing", "write", "write_text"]


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
    text = json.dumps({"version": metadata.version("auxvae-lite")} | header, sort_keys=True)
    digest = checksum(tensors, text)
    _replace(path, save(tensors, metadata={"header": text, "sha256": digest}))
    return digest


def read(path):
    """Read what `write` wrote.

    Returns:
        Two dictionaries: tensors by name, and the header.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is truncated, altered, or not written by `write`.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            kept = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is truncated or not a safetensors file ({error}); make or copy it again") from error
    if not {"header", "sha256"} <= kept.keys():
        raise ValueError(f"{path} was not written by auxvae_lite: its header is missing")
    if checksum(tensors, kept["header"]) != kept["sha256"]:
        raise ValueError(f"{path} was altered after it was written: its checksum differs; make or copy it again")
    return tensors, json.loads(kept["header"])


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

    Raises:
        OSError: if it cannot be written, naming the file; what was there before stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp's own mode keeps other users out
        os.replace(temporary, path)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError):
            raise OSError(error.errno, f"{error.strerror}, so it was left as it was", str(path)) from error
        raise


def checksum(tensors, text):
    """The sha256 over named tensors (names, dtypes, shapes, bytes) and a text."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = torch.as_tensor(tensors[name])
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(np.ascontiguousarray(tensor.reshape(-1).view(torch.uint8).numpy()))
    return digest.hexdigest()
