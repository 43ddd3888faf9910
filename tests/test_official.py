"""Official files: what they hold is read, and what is missing, damaged, foreign or hostile is refused by name."""

import gzip
import hashlib
import io
import math
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from scipy.io.matlab import MatlabObject

from auxvae_lite.datasets import FactorDataset
from auxvae_lite.simulators import dsprites, official

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "data_scripts"))
import make_dsprites  # noqa: E402

N = 737_280
DRAWN = dsprites.simulate(40, seed=5)
ROWS = np.random.default_rng(5).choice(N, 40, replace=False)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def everything(path):
    """Names, sizes and times of all below the folder above a test's own."""
    found = path.parent.parent.rglob("*")
    return {str(file): (file.lstat().st_size, file.lstat().st_mtime_ns) for file in found}


@contextmanager
def refused(path, reason, kind=ValueError):
    """An error that names the file and the reason; nothing was written anywhere near."""
    before = everything(path)
    with pytest.raises(kind, match=reason) as caught:
        yield
    assert str(path) in str(caught.value)
    assert everything(path) == before
    print(f"\n{str(caught.value).replace(str(path.parent), '')}")


class Few:
    """Our images in `ROWS`, black elsewhere."""

    def __init__(self):
        own = dsprites.Sprites()
        self.classes, self.factors = own.classes, own.factors

    def __len__(self):
        return N

    def __getitem__(self, part):
        images = np.zeros((len(range(N)[part]), 1, 64, 64), np.uint8)
        places = ROWS - part.start
        inside = (places >= 0) & (places < len(images))
        images[places[inside]] = DRAWN.images[inside]
        return images


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    path = tmp_path_factory.mktemp("npz") / "few.npz"
    make_dsprites.write_all(path, Few())
    return path


@pytest.fixture(scope="module")
def hdf5(tmp_path_factory):
    path = tmp_path_factory.mktemp("hdf5") / "few.hdf5"
    write_hdf5(path)
    return path


def classes():
    return np.hstack([np.zeros((N, 1), int), dsprites.Sprites().classes(slice(None))])


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_hdf5(path, latents=None, **layout):
    import h5py

    layout = {"shape": (N, 64, 64), "dtype": "u1", "chunks": (1024, 64, 64), "compression": "gzip"} | layout
    with h5py.File(path, "w") as file:
        file["latents/classes"] = classes().astype("u1") if latents is None else latents
        images = file.create_dataset("imgs", **layout)  # chunks that nobody writes are zeros
        for row, image in zip(ROWS[:3], DRAWN.images, strict=False):
            images[row] = image[0]


# dSprites


class Evil:
    """A pickle of it makes a folder when it is opened."""

    def __reduce__(self):
        return os.mkdir, ("hacked",)


def test_npz_is_read_and_its_pickle_is_not(npz, tmp_path):
    path = tmp_path / "evil.npz"
    path.write_bytes(npz.read_bytes())
    member = io.BytesIO()
    np.save(member, np.array(Evil(), dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("metadata.npy", member.getvalue())
    with np.load(path, allow_pickle=True, encoding="latin1") as loaded:
        assert sorted(loaded) == ["imgs", "latents_classes", "latents_values", "metadata"]
        loaded["metadata"]
    os.rmdir("hacked")  # so the trap works

    sprites = official.dsprites(path, checksum=None)
    assert not os.path.exists("hacked")
    found = sprites.sample(40, seed=5)
    assert np.array_equal(found.images, DRAWN.images)
    assert np.array_equal(found.factors, DRAWN.factors)
    assert found[2:4] == DRAWN[2:4]
    assert found.provenance == DRAWN.provenance | {"engine": "official file"}
    assert sprites[[0, 5, N - 1]].sum() == 0
    data = FactorDataset(*found)
    assert data.checksum() == FactorDataset(*DRAWN).checksum()


def test_npz_holds_the_official_latents(npz):
    with np.load(npz) as loaded:
        values, numbers = loaded["latents_values"], loaded["latents_classes"]
    assert np.array_equal(numbers, classes())
    assert values[0].tolist() == [1, 1, 0.5, 0, 0, 0]
    assert values[-1] == pytest.approx([1, 3, 1, 2 * math.pi, 1, 1])
    assert values.dtype == np.float64


def test_hdf5_is_read(hdf5):
    sprites = official.dsprites(hdf5, checksum=sha256(hdf5))
    assert np.array_equal(sprites[ROWS[:3]], DRAWN.images[:3])
    assert sprites[ROWS[3:]].sum() == 0
    assert np.array_equal(sprites.sample(300, seed=1).factors, dsprites.simulate(300, seed=1).factors)


def written_npz(path, **changes):
    """A .npz whose arrays are given, as bytes of a member or as an array; by default classes, and one block of imgs."""
    members = {"latents_classes": classes(), "imgs": header() + bytes(1024 * 4096)} | changes
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            if isinstance(content, np.ndarray):
                array, content = content, io.BytesIO()
                np.save(content, array)
                content = content.getvalue()
            if content is not None:
                archive.writestr(f"{name}.npy", content)
    return path


def header(**changes):
    """The head of a member of imgs."""
    stream = io.BytesIO()
    given = {"descr": "|u1", "fortran_order": False, "shape": (N, 64, 64)} | changes
    np.lib.format.write_array_header_1_0(stream, given)
    return stream.getvalue()


SWAPPED = slice(None, None, -1)
NPZ = {
    "no imgs": (lambda: {"imgs": None}, "imgs must be there once"),
    "no classes": (lambda: {"latents_classes": None}, "latents_classes must be there once"),
    "fewer images": (lambda: {"imgs": np.zeros((3, 64, 64), np.uint8)}, r"got uint8 of shape \(3, 64, 64"),
    "floats": (lambda: {"imgs": header(descr="<f4")}, "imgs must be uint8 .* got float32"),
    "objects": (lambda: {"imgs": header(descr="|O")}, "imgs must be uint8 .* got object"),
    "transposed": (lambda: {"imgs": header(fortran_order=True)}, "imgs must be in C order"),
    "an expression": (lambda: {"imgs": header(shape=(N, 64, 64)).replace(b"737280", b"exit()")}, "malformed"),
    "a twentieth": (lambda: {"imgs": header() + bytes(4096 * 30_000)}, "imgs ends within row 29696"),
    "a grey image": (lambda: {"imgs": header() + b"\2" + bytes(1024 * 4096)}, "zeros and ones, got 2"),
    "another order": (lambda: {"latents_classes": classes()[SWAPPED].copy()}, "another order"),
    "a colour": (lambda: {"latents_classes": classes() + [1, 0, 0, 0, 0, 0]}, "another order"),
    "floats for classes": (
        lambda: {"latents_classes": classes().astype(float)},
        "latents_classes must be integer .* got float64",
    ),
    "longer classes": (lambda: {"latents_classes": header(descr="<i8", shape=(N, 6)) + bytes(N * 48 + 1)}, "behind"),
}


@pytest.mark.parametrize("case", NPZ)
def test_npz_of_another_layout_is_refused(case, tmp_path):
    changes, reason = NPZ[case]
    path = written_npz(tmp_path / "other.npz", **changes())
    with refused(path, reason):
        official.dsprites(path, checksum=None)


def test_an_array_that_is_there_twice_is_refused(tmp_path):
    path = written_npz(tmp_path / "twice.npz")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("latents_classes.npy", b"")
    with refused(path, "latents_classes must be there once"):
        official.dsprites(path, checksum=None)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.999])
def test_truncated_files_are_named_with_their_checksum_and_without(npz, hdf5, share, tmp_path):
    for whole, unvouched, hint in ((npz, None, "checksum=None"), (hdf5, "its own", "sha256 from where it was made")):
        path = tmp_path / whole.name
        path.write_bytes(whole.read_bytes()[: int(share * whole.stat().st_size)])
        with refused(path, "truncated, damaged or not laid out as dsprites_ndarray"):
            official.dsprites(path, checksum=unvouched and sha256(path))
        source = official.SOURCES[f"dsprites{path.suffix}"]
        with refused(path, f"the {source.kind} .*, not {source.checksum}: it is truncated.*{hint}"):
            official.dsprites(path)


def test_hdf5_is_never_read_without_a_checksum(hdf5, monkeypatch):
    """Of 24 single bits flipped in such a file two changed images unnoticed, and one ended the process."""
    monkeypatch.setitem(sys.modules, "h5py", None)  # not even opened
    with refused(hdf5, r"not read without a checksum.*sha256sum few\.hdf5, or shasum.*pass it, checksum=.*npz"):
        official.dsprites(hdf5, checksum=None)


def test_damage_inside_a_npz_is_seen_without_a_checksum_of_the_file(npz, tmp_path):
    path, content = tmp_path / "damaged.npz", npz.read_bytes()
    path.write_bytes(content[:2000] + bytes(range(240, 256)) + content[2016:])
    with refused(path, "damaged"):
        official.dsprites(path, checksum=None)
    crc = zipfile.ZipFile(npz).getinfo("latents_classes.npy").CRC
    path.write_bytes(content.replace(struct.pack("<L", crc), struct.pack("<L", crc ^ 1)))
    with refused(path, "damaged.*Bad CRC-32 for file 'latents_classes.npy'"):
        official.dsprites(path, checksum=None)


def test_the_blob_id_is_gits(tmp_path):
    path = tmp_path / "some.npz"
    path.write_bytes(b"\0some bytes" * 1000)
    blob = subprocess.run(["git", "hash-object", "--no-filters", path], capture_output=True, text=True, check=True)
    blob = blob.stdout.strip()
    with refused(path, f"the git blob id {blob}, not {'0' * 40}"):
        official.dsprites(path, checksum="0" * 40)
    with refused(path, "not laid out as"):
        official.dsprites(path, checksum=blob)


def test_a_suffix_chooses_the_format(tmp_path):
    for name in ("dsprites.h5", "dsprites", "dsprites.tar.gz"):
        with refused(tmp_path / name, r"must end in \.npz or \.hdf5"):
            official.dsprites(tmp_path / name)


def test_without_h5py_it_says_what_to_install(hdf5, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match="pip install h5py"):
        official.dsprites(hdf5, checksum=sha256(hdf5))


def soft(file, other):
    import h5py

    file["imgs"] = h5py.SoftLink("/elsewhere")
    file.create_dataset("elsewhere", (N, 64, 64), "u1", chunks=(1024, 64, 64))


def outside(file, other):
    import h5py

    file["imgs"] = h5py.ExternalLink(str(other), "imgs")


def through_a_group(file, other):
    import h5py

    del file["latents"]
    file["latents"] = h5py.ExternalLink(str(other), "latents")


def raw(file, other):
    file.create_dataset("imgs", (N, 64, 64), "u1", external=[(str(other), 0, N * 4096)])


def virtual(file, other):
    import h5py

    layout = h5py.VirtualLayout((N, 64, 64), "u1")
    layout[:] = h5py.VirtualSource(str(other), "imgs", (N, 64, 64))
    file.create_virtual_dataset("imgs", layout)


def group(file, other):
    file.create_group("imgs")


@pytest.mark.parametrize("hostile", [soft, outside, through_a_group, raw, virtual, group])
def test_hdf5_that_leads_out_of_the_file_is_refused(hostile, hdf5, tmp_path):
    import h5py

    path = tmp_path / "hostile.hdf5"
    with h5py.File(path, "w") as file:
        file["latents/classes"] = classes()
        hostile(file, hdf5)
    with refused(path, "imgs is no array" if hostile is group else r"(imgs|classes) leads out of the file"):
        official.dsprites(path, checksum=sha256(path))


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        ({"dtype": "f4"}, "imgs must be uint8 .* got float32"),
        ({"shape": (N, 64, 63)}, "got uint8 of shape"),
        ({"fillvalue": 2}, "zeros and ones, got 2"),
        ({"latents": classes()[SWAPPED]}, "another order"),
        ({"latents": classes()[:, 1:]}, "classes must be integer"),
    ],
)
def test_hdf5_of_another_layout_is_refused(layout, reason, tmp_path):
    path = tmp_path / "other.hdf5"
    if "shape" in layout:
        import h5py

        with h5py.File(path, "w") as file:
            file["latents/classes"] = classes()
            file.create_dataset("imgs", layout["shape"], "u1", chunks=(1024, 64, 63))
    else:
        write_hdf5(path, **layout)
    with refused(path, reason):
        official.dsprites(path, checksum=sha256(path))


# Cars3D


def car(number):
    """`im` of a car of ours, different in each pixel, channel, azimuth and elevation."""
    row, column, channel, azimuth, elevation = np.ogrid[:128, :128, :3, :24, :4]
    return ((row * 3 + column**2 + 40 * channel + 7 * azimuth + 59 * elevation + 101 * number) % 256).astype(np.uint8)


def mat(**variables):
    stream = io.BytesIO()
    savemat(stream, variables, do_compression=True)
    return stream.getvalue()


@pytest.fixture(scope="module")
def cars():
    """Members of a small archive, in another order than its list."""
    masks = {"mask": np.ones((128, 128, 24, 4), np.uint8)}
    return {
        "data/shapes48.mat": b"something else",
        "data/cars/car_003_mesh.mat": mat(im=car(3), **masks),
        "data/cars/car_007_mesh.mat": mat(im=car(7), **masks),
        "data/cars/list.txt": b"car_007_mesh\ncar_003_mesh\n",
    }


def archive(path, members, *special):
    """A .tar.gz of named contents and of (TarInfo, content)."""
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        tar.addfile(entry("data/cars", tarfile.DIRTYPE))
        for name, content in members.items():
            tar.addfile(entry(name, size=len(content)), io.BytesIO(content))
        for info, content in special:
            tar.addfile(info, io.BytesIO(content))
    return path


def entry(name, type=tarfile.REGTYPE, **fields):
    info = tarfile.TarInfo(name)
    info.type = type
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def test_cars_are_read_in_the_lists_order(cars, tmp_path):
    path = archive(tmp_path / "cars.tar.gz", cars)
    found = official.cars3d(path, checksum=hashlib.md5(path.read_bytes()).hexdigest(), size=128)
    assert found.images.dtype == np.uint8
    images = found.images.reshape(4, 24, 2, 3, 128, 128)
    for place, number in enumerate((7, 3)):
        im = car(number)
        for elevation, azimuth in ((0, 0), (3, 5), (1, 23)):
            assert np.array_equal(images[elevation, azimuth, place], im[..., azimuth, elevation].transpose(2, 0, 1))
    assert found.names == ("elevation", "azimuth_cos", "azimuth_sin", "object")
    row = (2 * 24 + 6) * 2 + 1  # elevation 2, azimuth 90 degrees, second car
    assert found.factors[row] == pytest.approx([2, 0, 1, 1], abs=1e-12)
    assert found.factors[row - 1, 3] == 0
    assert repr(FactorDataset(*found)).startswith("FactorDataset(192 images of (3, 128, 128); elevation [class]")


@pytest.mark.parametrize("size", [64, 32, 16])
def test_cars_are_shrunk_by_means_of_squares_halves_up(cars, size, tmp_path):
    found = official.cars3d(archive(tmp_path / "cars.tar.gz", cars), checksum=None, size=size)
    assert found.images.shape == (192, 3, size, size)
    k = 128 // size
    image = found.images.reshape(4, 24, 2, 3, size, size)[3, 5, 0, 2]
    exact = car(7)[:, :, 2, 5, 3].astype(float)
    for row, column in ((0, 0), (size - 1, 3), (5, size - 2)):
        mean = exact[k * row : k * row + k, k * column : k * column + k].mean()
        assert image[row, column] == math.floor(mean + 0.5)


def test_shrinking_by_hand():
    image = np.zeros((128, 128), np.uint8)
    image[:2, :2] = [[1, 1], [0, 0]]  # mean 1/2
    image[:2, 2:4] = [[1, 0], [0, 0]]
    image[2:4, :2] = [[255, 255], [255, 254]]
    image[4:8, 4:8] = 255
    assert official._shrunk(image, 64)[:2, :2].tolist() == [[1, 0], [255, 0]]
    assert official._shrunk(np.full((128, 128), 255, np.uint8), 16).tolist() == [[255] * 16] * 16


HOSTILE = {
    "a path up": (entry("data/../../hacked", size=2), b"hi"),
    "a path up, another way": (entry("..\\hacked", size=2), b"hi"),
    "an absolute path": (entry("/hacked", size=2), b"hi"),
    "a drive": (entry("C:hacked", size=2), b"hi"),
    "a symbolic link": (entry("hacked", tarfile.SYMTYPE, linkname="/etc/passwd"), b""),
    "a symbolic link inside": (entry("data/hacked", tarfile.SYMTYPE, linkname="cars/list.txt"), b""),
    "a hard link": (entry("hacked", tarfile.LNKTYPE, linkname="data/cars/list.txt"), b""),
    "a character device": (entry("hacked", tarfile.CHRTYPE, devmajor=1, devminor=3), b""),
    "a block device": (entry("hacked", tarfile.BLKTYPE, devmajor=8), b""),
    "a FIFO": (entry("hacked", tarfile.FIFOTYPE), b""),
    "an unknown type": (entry("hacked", b"Z"), b""),
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_member_is_refused_by_name_wherever_it_stands(case, first, cars, tmp_path):
    info, content = HOSTILE[case]
    path = tmp_path / "hostile.tar.gz"
    plain = [(entry(name, size=len(content)), content) for name, content in cars.items()]
    archive(path, {}, *([(info, content), *plain] if first else [*plain, (info, content)]))
    with refused(path, r"member '\S*hacked' (leads out|is a link, a device)"):
        official.cars3d(path, checksum=None)


def test_an_absolute_path_that_could_be_written_is_not(cars, tmp_path):
    name = tmp_path.parent / "hacked"
    path = archive(tmp_path / "hostile.tar.gz", cars, (entry(str(name), size=2), b"hi"))
    with refused(path, "leads out of the folder"):
        official.cars3d(path, checksum=None)


def test_members_that_are_there_twice_or_too_large_are_refused(cars, tmp_path, monkeypatch):
    path = tmp_path / "large.tar.gz"
    archive(path, cars, (entry("./data/cars/list.txt", size=2), b"hi"))
    with refused(path, "member './data/cars/list.txt' is there twice"):
        official.cars3d(path, checksum=None)
    archive(path, cars, (entry("x" * 80, tarfile.XHDTYPE, size=official.LARGEST + 1), bytes(official.LARGEST + 1)))
    with refused(path, "claims 67109376 bytes, more than 67108864"):
        official.cars3d(path, checksum=None)
    path.write_bytes(gzip.compress(entry("huge", size=2**40).tobuf(tarfile.GNU_FORMAT)))
    with refused(path, "member 'huge' makes more than"):
        official.cars3d(path, checksum=None)
    archive(path, cars)
    for limit, value, reason in (
        ("LARGEST", 10_000, "claims"),
        ("TOTAL", 10_000, "bytes in all"),
        ("MEMBERS", 3, "more than 3 members"),
    ):
        with monkeypatch.context() as patch, refused(path, reason):
            patch.setattr(official, limit, value)
            official.cars3d(path, checksum=None)


def test_zeros_behind_the_end_are_not_inflated_for_ever(cars, tmp_path, monkeypatch):
    path = archive(tmp_path / "tail.tar.gz", cars)
    with open(path, "ab") as file:
        file.write(gzip.compress(bytes(50 * 2**20)))
    monkeypatch.setattr(official, "TOTAL", 20 * 2**20)
    with refused(path, "it holds more than"):
        official.cars3d(path, checksum=None)


def test_truncated_and_flipped_archives_are_refused(cars, tmp_path):
    path = archive(tmp_path / "cars.tar.gz", cars)
    whole = path.read_bytes()
    for length in (0, 5, 1000, len(whole) // 2, len(whole) - 1000, len(whole) - 8, len(whole) - 1):
        path.write_bytes(whole[:length])
        with refused(path, "truncated, damaged or not laid out as nips2015"):
            official.cars3d(path, checksum=None)
        with refused(path, "the md5 .*, not 4e866a7919c1beedf53964e6f7a23686: it is truncated.*checksum=None"):
            official.cars3d(path)
    for position in range(100, len(whole), len(whole) // 15):  # behind the head, whose own name nobody reads
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 8]) + whole[position + 1 :])
        with refused(path, "damaged"):
            official.cars3d(path, checksum=None)


LISTS = {
    "no list": (None, "no member data/cars/list.txt"),
    "an empty list": (b"\n", "got 0 names"),
    "a car twice": (b"car_003_mesh\ncar_003_mesh", "got 2 names, 1 different"),
    "a car that is not there": (b"car_003_mesh\ncar_008_mesh", "no member data/cars/car_008_mesh.mat"),
    "a car elsewhere": (b"../shapes48", "no member"),
    "no text": (b"\xff\xfe", "ascii"),
}


@pytest.mark.parametrize("case", LISTS)
def test_a_list_that_does_not_fit_is_refused(case, cars, tmp_path):
    content, reason = LISTS[case]
    members = {name: content for name, content in cars.items() if name != "data/cars/list.txt"}
    if content is not None:
        members["data/cars/list.txt"] = content
    path = archive(tmp_path / "cars.tar.gz", members)
    with refused(path, reason):
        official.cars3d(path, checksum=None)


STRUCTURE = np.array([(1.0,)], dtype=[("a", "f8")])
MESHES = {
    "no im": (mat(mask=np.ones(3)), r"car_003_mesh.mat must hold im, uint8 .* got \[\]"),
    "floats": (mat(im=np.zeros((4, 4))), "got .*double"),
    "another shape": (mat(im=np.zeros((128, 128, 3, 24), np.uint8)), r"got .*\(128, 128, 3, 24\), 'uint8'"),
    "an object": (mat(im=MatlabObject(STRUCTURE, "hacked")), "got .*object"),
    "a structure": (mat(im=STRUCTURE), "got .*struct"),
    "cells": (mat(im=np.array([[1, "a"]], dtype=object)), "got .*cell"),
    "half": (mat(im=car(3))[:4000], "truncated"),
    "no MATLAB file": (b"hello" * 100, "truncated"),
    "nothing": (b"", "truncated"),
    "version 7.3": (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(600), "v7.3|HDF"),
}


@pytest.mark.parametrize("case", MESHES)
def test_a_car_of_another_kind_is_refused(case, cars, tmp_path):
    content, reason = MESHES[case]
    path = archive(tmp_path / "cars.tar.gz", cars | {"data/cars/car_003_mesh.mat": content})
    with refused(path, reason):
        official.cars3d(path, checksum=None)


def test_nothing_but_im_is_read(cars, tmp_path):
    content = mat(a=MatlabObject(STRUCTURE, "hacked"), im=car(3), z=np.zeros(3))
    path = archive(tmp_path / "cars.tar.gz", cars | {"data/cars/car_003_mesh.mat": content})
    assert official.cars3d(path, checksum=None).images.shape == (192, 3, 64, 64)


def test_a_size_that_does_not_divide_is_refused(tmp_path):
    with pytest.raises(ValueError, match="size must be one of 128, 64, 32, 16, got 100"):
        official.cars3d(size=100)


# all of them


@pytest.mark.parametrize(
    ("read", "name"), [(official.dsprites, "dsprites.npz"), (official.dsprites, "dsprites.hdf5"),
     (official.cars3d, "cars3d")],
)  # fmt: skip
def test_a_missing_file_says_what_where_and_instead(read, name, tmp_path):
    source = official.SOURCES[name]
    for path in (Path("data") / source.name, tmp_path / source.name):
        with pytest.raises(FileNotFoundError) as caught:
            read(path)
        for fact in (str(path), source.name, source.address, source.checksum, "data/", source.default, "downloaded"):
            assert fact in str(caught.value)
    print(caught.value)
    assert not os.listdir()


def test_the_default_paths_are_in_data():
    for read, name in ((official.dsprites, "dsprites.npz"), (official.cars3d, "cars3d")):
        with pytest.raises(FileNotFoundError, match=f"no file data/{official.SOURCES[name].name}, looked for from /"):
            read()


# the script


def script(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["make_dsprites.py", *map(str, arguments)])
    make_dsprites.main()


def test_the_script_writes_a_sample(monkeypatch, tmp_path, capsys):
    path = tmp_path / "some.safetensors"
    script(monkeypatch, "--n", 40, "--seed", 5, "--out", path)
    printed = capsys.readouterr().out
    assert "40 images of (1, 64, 64); shape [class], scale [1], orientation [rad], posX [1], posY [1]" in printed
    assert FactorDataset.load(path).checksum() == FactorDataset(*DRAWN).checksum()


def test_the_script_reads_the_official_file_and_writes_every_image(monkeypatch, tmp_path, capsys):
    wanted = []
    monkeypatch.setattr(official, "dsprites", lambda path: wanted.append(path) or dsprites.Sprites())
    script(monkeypatch, "--official", "there.npz", "--n", 40, "--seed", 5, "--out", tmp_path / "some.safetensors")
    assert wanted == ["there.npz"]
    monkeypatch.setattr(make_dsprites, "write_all", lambda path, sprites: wanted.append((path, len(sprites))))
    script(monkeypatch, "--all", "--out", "all.npz")
    assert wanted[1:] == [("all.npz", N)]
    assert "all.npz: 737,280 images in the layout of dsprites_ndarray" in capsys.readouterr().out


def test_the_script_refuses_what_does_not_fit(monkeypatch, capsys):
    for arguments in (["--all"], ["--out", "some.npz"]):
        with pytest.raises(SystemExit):
            script(monkeypatch, *arguments)
        assert "--all writes --out NAME.npz, and only --all does" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        script(monkeypatch, "--official", "nowhere.npz")
    assert "no file nowhere.npz, looked for from " in capsys.readouterr().err
    assert not os.listdir()


def test_every_script_of_the_folder_is_described():
    text = (ROOT / "data_scripts/README.md").read_text(encoding="utf-8")
    scripts = sorted(path.name for path in (ROOT / "data_scripts").glob("*.py"))
    assert len(scripts) >= 4 and not [name for name in scripts if f"## {name}" not in text]
    for source in official.SOURCES.values():
        for fact in (source.name, source.address, source.kind, source.checksum, source.licence):
            assert fact in text
