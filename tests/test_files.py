"""Files: what is read is what was written, or an error names the file; nothing is left half-written."""

import os

import numpy as np
import pytest
import torch

import auxvae_lite
from auxvae_lite import files

TENSORS = {"a": np.arange(6.0).reshape(2, 3), "b": torch.tensor(3), "half": torch.ones(2, dtype=torch.bfloat16)}


def test_round_trip(tmp_path):
    path = tmp_path / "deep" / "file.safetensors"
    checksum = files.write(path, TENSORS, {"seed": 1, "units": ["counts"]})
    tensors, header = files.read(path)
    assert header == {"seed": 1, "units": ["counts"], "version": auxvae_lite.__version__}
    assert len(checksum) == 64
    for name, value in TENSORS.items():
        assert torch.equal(tensors[name], torch.as_tensor(value))
    assert os.listdir(path.parent) == ["file.safetensors"]


def test_every_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "file.safetensors"
    files.write(path, TENSORS, {"seed": 1})
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        try:
            assert files.read(path) == ({}, {}), f"byte {position} changed unnoticed"
        except ValueError as error:
            assert str(path) in str(error)


def test_truncated_foreign_and_missing_files_are_named(tmp_path):
    path = tmp_path / "file.safetensors"
    files.write(path, TENSORS, {})
    whole = path.read_bytes()
    for length in (0, 5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"file\.safetensors is truncated"):
            files.read(path)
    from safetensors.numpy import save_file

    save_file({"a": np.ones(2)}, path)
    with pytest.raises(ValueError, match="not written by auxvae_lite"):
        files.read(path)
    with pytest.raises(FileNotFoundError, match="absent"):
        files.read(tmp_path / "absent.safetensors")


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "file.safetensors"
    files.write(path, TENSORS, {"draft": 1})

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write(path, TENSORS, {"draft": 2})
    assert files.read(path)[1]["draft"] == 1
    assert os.listdir(tmp_path) == ["file.safetensors"]


def test_write_text(tmp_path):
    files.write_text(tmp_path / "t.json", "µ")
    assert (tmp_path / "t.json").read_text(encoding="utf-8") == "µ"


def test_a_file_that_is_being_replaced_lands_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "file"
    with files.replacing(path) as file:
        file.write(b"first ")
        file.write(b"whole")
        assert not path.exists()
    with pytest.raises(KeyError), files.replacing(path) as file:
        file.write(b"second")
        raise KeyError
    assert path.read_bytes() == b"first whole"
    assert os.listdir(path.parent) == ["file"]
