"""Faults: kills, a full disk, damaged and hostile files. Nothing is lost, and every error names its file.

`pytest tests/test_faults.py -s` prints what was tried and what each case said.
"""

import json
import os
import resource
import signal
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from test_results import EXAMPLE
from test_training import TINY, squares

from auxvae_lite import files
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.models import AuxVAE
from auxvae_lite.study import results
from auxvae_lite.training import Config, fit

HERE = Path(__file__).parent


def test_killed_runs_resume_to_the_undisturbed_result():
    done = subprocess.run([sys.executable, HERE / "kills.py", "4"], cwd=HERE, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("7 of 7 resume to the undisturbed result\n")
    assert done.stdout.count("exit -9") == 7 and "a half-written file aside" in done.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """One file of each kind, what reads it, and what writes it anew."""
    folder, data = tmp_path_factory.mktemp("written"), squares(20)
    model, _ = fit(Config(**TINY), data, checkpoint=folder / "checkpoint.safetensors")
    kinds = {
        "data": ("data.safetensors", FactorDataset.load, data.save),
        "model": ("model.safetensors", AuxVAE.load, model.save),
        "checkpoint": (
            "checkpoint.safetensors",
            lambda path: fit(Config(**TINY), data, checkpoint=path),
            lambda path: fit(Config(**TINY), data, checkpoint=path),
        ),
        "result": ("result.json", results.load, lambda path: results.save(path, EXAMPLE)),
    }
    for name, _, write in kinds.values():
        write(folder / name)
    return {kind: ((folder / name).read_bytes(), name, *rest) for kind, (name, *rest) in kinds.items()}


KINDS = ["data", "model", "checkpoint", "result"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_named_and_loses_nothing(written, kind, tmp_path):
    content, name, read, write = written[kind]
    path = tmp_path / name
    if kind != "checkpoint":  # a finished run would not be written again
        path.write_bytes(content)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignore = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(content) // 2, limits[1]))
    try:
        with pytest.raises(OSError, match=name) as caught:
            write(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignore)
    print(f"\n{kind}: {caught.value}")
    assert "left as it was" in str(caught.value)
    assert os.listdir(tmp_path) == ([] if kind == "checkpoint" else [name])
    same = kind == "checkpoint" or path.read_bytes() == content  # apart from the assertion, which would print both
    assert same
    write(path)
    read(path)


def hostile(header, data=b"", claimed=None):
    """A safetensors file with this header, of a claimed length."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if claimed is None else claimed) + text + data


def entry(shape, offsets, dtype="F32"):
    return {"images": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


DAMAGES = {
    "empty": lambda content: b"",
    "one byte": lambda content: content[:1],
    "half": lambda content: content[: len(content) // 2],
    "last byte missing": lambda content: content[:-2],
    "a byte more": lambda content: content + b"}",
    "a bit in the head": lambda content: content[:3] + bytes([content[3] ^ 16]) + content[4:],
    "a bit in the middle": lambda content: flip(content, len(content) // 2),
    "a bit at the end": lambda content: flip(content, len(content) - 4),
    "zeros": lambda content: bytes(len(content)),
    "a header of 2**63 bytes": lambda content: hostile({}, claimed=2**63),
    "a header longer than the file": lambda content: hostile({}, claimed=10_000),
    "a header that is no JSON": lambda content: hostile(b"{" * 1000),
    "sizes beyond the file": lambda content: hostile(entry([1000], [0, 4000])),
    "an absurd shape": lambda content: hostile(entry([2**40, 2**40], [0, 16]), bytes(16)),
    "a negative shape": lambda content: hostile(entry([-4], [0, 16]), bytes(16)),
    "overlapping tensors": lambda content: hostile(
        entry([4], [0, 16]) | {"factors": entry([4], [8, 24])["images"]}, bytes(24)
    ),
    "an unknown type": lambda content: hostile(entry([4], [0, 16], "PICKLE"), bytes(16)),
    "a pickle": lambda content: b"\x80\x04cos\nsystem\n(S'touch hacked'\ntR.",
}


def flip(content, position):
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_and_hostile_files_are_refused_by_name(written, kind, damage, tmp_path):
    content, name, read, _ = written[kind]
    path = tmp_path / name
    path.write_bytes(DAMAGES[damage](content))
    with pytest.raises(ValueError, match=name) as caught:
        read(path)
    print(f"\n{kind}, {damage}: {str(caught.value).replace(str(tmp_path), '')}")
    assert os.listdir(tmp_path) == [name]


CLAIMS = {
    "shape beyond memory": {"image_shape": [10**6, 10**6, 10**6]},
    "latents beyond memory": {"latent_dim": 10**12},
    "latents beyond int64": {"latent_dim": 10**30},
    "layers beyond memory": {"widths": [10**9] * 4},
    "another shape": {"image_shape": [3, 32, 32]},
    "a word for a shape": {"image_shape": "large"},
    "no shape": {"image_shape": []},
    "nothing of its training": {"provenance": None},
    "a negative width": {"widths": [-4, 4, 8, 8]},
    "an unknown scaling": {"image_scaling": ["eval", 1]},
    "a word for a softening": {"image_scaling": ["asinh", "__import__('os')"]},
    "nothing for a scaling": {"factor_scaling": None},
    "more factors than latents": {"factors": ["a", "b", "c", "d", "e"]},
}


def peak_from_here():
    """Largest memory of this process in kB; on Linux it forgets what came before."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_model_file_that_lies_about_its_sizes_is_refused(written, claim, tmp_path):
    source, path = tmp_path / "model.safetensors", tmp_path / "lie.safetensors"
    source.write_bytes(written["model"][0])
    tensors, header = files.read(source)
    files.write(path, tensors, header | CLAIMS[claim])  # with a true checksum: who forges can compute one
    before = peak_from_here()
    with pytest.raises(ValueError, match=r"lie\.safetensors does not fit its own header") as caught:
        AuxVAE.load(path)
    print(f"\n{claim}: {str(caught.value).splitlines()[0].replace(str(tmp_path), '')[:150]}")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 200_000  # kB on Linux


@pytest.mark.parametrize(
    ("claims", "tensor"),
    [({"names": ["a"]}, None), ({"names": 3}, None), ({"provenance": 1}, None), ({}, {"images": torch.zeros(3)}),
     ({}, {"factors": torch.full((20, 2), float("inf"))}), ({}, {"extra": torch.ones(1)})],
)  # fmt: skip
def test_a_data_file_that_lies_is_refused(written, claims, tensor, tmp_path):
    path = tmp_path / "data.safetensors"
    path.write_bytes(written["data"][0])
    tensors, header = files.read(path)
    files.write(path, tensors | (tensor or {}), header | claims)
    with pytest.raises(ValueError, match=r"data\.safetensors does not fit its own header"):
        FactorDataset.load(path)


@pytest.mark.parametrize(
    "lacks", ["encoder.0.weight", "run.optimiser.0.exp_avg", "run.random.noise", "groups", "identity"]
)
def test_a_checkpoint_that_lacks_a_part_is_refused(written, lacks, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(written["checkpoint"][0])
    tensors, header = files.read(path)
    (tensors if lacks in tensors else header["run"]).pop(lacks)
    files.write(path, tensors, header)
    with pytest.raises(ValueError, match=r"checkpoint\.safetensors does not fit its own header"):
        written["checkpoint"][2](path)


def test_no_pickled_code_is_read_anywhere():
    for source in Path(files.__file__).parent.rglob("*.py"):
        text = source.read_text(encoding="utf-8")
        assert not any(word in text for word in ("torch.load", "import pickle", "exec(", "np.load")), source


def test_a_model_loads_in_a_fresh_process(written, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(written["checkpoint"][0])
    code = f"from auxvae_lite.models import AuxVAE; print(AuxVAE.load({str(path)!r}).decode([[1.0] * 4]).sum().item())"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert float(printed) == pytest.approx(float(AuxVAE.load(path).decode([[1.0] * 4]).sum()), rel=1e-6)
