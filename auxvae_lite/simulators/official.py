"""The official files of dSprites and Cars3D: found, verified, read. Nothing is downloaded, and no pickle is opened.

Put a file of `SOURCES` into `data/`, or pass its path. A file is read only after its checksum fits, unless
`checksum=None` says that another file of the same layout is meant; nothing in it is believed then, either. An .hdf5
file is never read without a checksum: the library that reads it can crash, or misread, where the file is damaged.
"""

import gzip
import hashlib
import math
import os
import tarfile
import zipfile
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

import numpy as np
from numpy.lib import format as npy

from .dsprites import SIZE, Sprites
from .simulation import Simulation

__all__ = ["SOURCES", "Source", "cars3d", "dsprites"]

FOLDER = "data/"


class Source(NamedTuple):
    """Facts about an official file.

    Attributes:
        name: Its name.
        address: Where its authors offer it.
        kind: Of the checksum: "git blob id", "sha256" or "md5".
        checksum: The checksum, hexadecimal.
        licence: Its licence, where one was found.
        citation: What to cite.
        default: What to call without the file.
    """

    name: str
    address: str
    kind: str
    checksum: str
    licence: str
    citation: str
    default: str


DSPRITES = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64"
AT = "https://github.com/google-deepmind/dsprites-dataset/raw/master/"
MATTHEY = "Matthey, Higgins, Hassabis and Lerchner, dSprites: Disentanglement testing Sprites dataset, 2017"
REED = "Reed, Zhang, Zhang and Lee, Deep Visual Analogy-Making, NeurIPS 2015"
DRAWN = "simulators.dsprites.simulate(n, seed), which draws them"
SOURCES = {
    "dsprites.npz": Source(
        f"{DSPRITES}.npz", f"{AT}{DSPRITES}.npz",
        "git blob id", "d98996d3f8ee1550e06b9d4ed78d0beb478910d5", "Apache-2.0", MATTHEY, DRAWN,
    ),
    "dsprites.hdf5": Source(
        f"{DSPRITES}.hdf5", f"{AT}{DSPRITES}.hdf5",
        "sha256", "729fa22e884c9c500e1f17415d580746b4c5894fbbb780a1319bbcfa39a745bb", "Apache-2.0", MATTHEY, DRAWN,
    ),
    "cars3d": Source(
        "nips2015-analogy-data.tar.gz", "http://www.scottreed.info/files/nips2015-analogy-data.tar.gz",
        "md5", "4e866a7919c1beedf53964e6f7a23686", "no licence statement found", REED,
        "simulators.cars.simulate(n, seed), which draws cars of our own",
    ),
}  # fmt: skip
DEPTH = 23_040  # images in a chunk of the official HDF5 file, read at a time: 94 MB

IMAGES = (np.uint8, (len(Sprites()), SIZE, SIZE))
CLASSES = (np.integer, (len(Sprites()), 6))
ELEVATIONS, AZIMUTHS, PIXELS = 4, 24, 128
MESH = (PIXELS, PIXELS, 3, AZIMUTHS, ELEVATIONS)  # of a car's `im`: row, column, channel, azimuth, elevation
SIZES = (128, 64, 32, 16)
LARGEST = 64 * 2**20  # bytes of a member that is read into memory, ten times a car's
TOTAL = 16 * 2**30  # bytes of all members together
MEMBERS = 100_000  # of them, folders included: each takes memory


def dsprites(path=FOLDER + SOURCES["dsprites.npz"].name, checksum="official"):
    """The official dSprites, every pixel of the file's own.

    All of `imgs` is read once and kept with eight pixels to a byte, and the latents' classes are compared with our
    order; the pickled `metadata` is left alone. The .npz file takes 7 s and 0.4 GB, the .hdf5 file 17 s and 0.6 GB;
    the array itself would take 3 GB.

    Arguments:
        path: The .npz file or, with h5py installed, the .hdf5 file. The suffix says which.
        checksum: "official"; or another file's, a git blob id for .npz and a sha256 for .hdf5; or, for .npz alone, None
            for a file that nobody vouches for. What damage a .npz has is seen by its own checksums; of single bits
            flipped in an .hdf5 file, two in 24 changed images unnoticed, and one ended the process.

    Returns:
        `Sprites` of 737,280 images that reads them instead of drawing: `sample(n, seed)` gives the rows of
        `dsprites.simulate(n, seed)`.

    Raises:
        FileNotFoundError: saying where to get the file, where to put it, and what to call without it.
        ImportError: for .hdf5 without h5py.
        ValueError: for a wrong checksum, an .hdf5 file with none, and for a damaged file or another layout, naming
            the file.

    References:
        Matthey, Higgins, Hassabis and Lerchner, dSprites, 2017. Chapter 11.
    """
    source = SOURCES.get(f"dsprites{Path(path).suffix}")
    if source is None:
        raise ValueError(f"{path} must end in .npz or .hdf5, as the official files {DSPRITES}.npz and .hdf5 do")
    with _verified(path, source, checksum) as file:
        images = (_read_npz if source is SOURCES["dsprites.npz"] else _read_hdf5)(file)
    return Sprites(images)


def cars3d(path=FOLDER + SOURCES["cars3d"].name, checksum="official", size=64):
    r"""The official Cars3D: 183 cars, each from 4 elevations and 24 azimuths.

    The archive's members are all looked at before one is used, and none is written to disk. Images are shrunk by the
    mean over squares of (128/size)^2 pixels, halves rounded up: integers alone, so the same on every machine. Other
    loaders differ: disentanglement_lib takes Lanczos and the folder's own order of cars, disent a bilinear filter.

    Arguments:
        path: The archive, with data/cars/list.txt and data/cars/car_*_mesh.mat in it.
        checksum: "official"; or another archive's md5; or None for a file that nobody vouches for. It may have any
            number of cars.
        size: Pixels on a side: 128, 64, 32 or 16.

    Returns:
        A `Simulation`: images uint8, shape (17568, 3, size, size), RGB; factors in order of elevation, azimuth and
        object, the last fastest. Elevation and object are numbers from 0 (degrees of the first were not found;
        objects as in list.txt); azimuth a = 15 degrees times its number, as cos a and sin a.

    Raises:
        FileNotFoundError: saying where to get the file, where to put it, and what to call without it.
        ValueError: for a wrong checksum or size; for a damaged file or another layout, naming the file; and for a
            member that is a link or a device or leads out of the folder, naming the member.

    References:
        Reed, Zhang, Zhang and Lee, Deep Visual Analogy-Making, NeurIPS 2015. Chapter 12.
    """
    if size not in SIZES:
        raise ValueError(f"size must be one of {', '.join(map(str, SIZES))}, got {size}")
    source = SOURCES["cars3d"]
    with _verified(path, source, checksum) as file:
        images = _read_cars(file, size)
    counts = images.shape[:3]
    elevation, azimuth, car = np.indices(counts).reshape(3, -1)
    angle = 2 * np.pi * azimuth / AZIMUTHS
    return Simulation(
        images.reshape(-1, *images.shape[3:]),
        np.stack([elevation, np.cos(angle), np.sin(angle), car], axis=1),
        ("elevation", "azimuth_cos", "azimuth_sin", "object"),
        ("class", "1", "1", "class"),
        None,
        {"simulator": "cars3d", "engine": "official file", "size": size, "resized": "mean over squares"},
    )


def _digest(file, kind):
    """Checksum of an open file, a block at a time."""

    def start():
        if kind == "git blob id":
            return hashlib.sha1(b"blob %d\0" % os.fstat(file.fileno()).st_size, usedforsecurity=False)
        return hashlib.new(kind, usedforsecurity=False)

    return hashlib.file_digest(file, start).hexdigest()


@contextmanager
def _verified(path, source, checksum):
    """The open file, its checksum compared; whatever goes wrong with it inside is an error that names it."""
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"no file {path}, looked for from {Path.cwd()}. Get {source.name} from {source.address} "
            f"({source.kind} {source.checksum}) and put it in {FOLDER}, or pass its path; "
            f"nothing is downloaded. Without it, use {source.default}"
        )
    fragile = source is SOURCES["dsprites.hdf5"]
    if checksum is None and fragile:
        name = Path(path).name
        raise ValueError(
            f"{path} is not read without a checksum: HDF5 can crash, or misread, where a file is damaged. Take the "
            f"sha256 where the file was made (sha256sum {name}, or shasum -a 256 {name}) and pass it, "
            'checksum="..."; or take the .npz file'
        )
    with open(path, "rb") as file:
        expected = source.checksum if checksum == "official" else checksum
        if expected is not None:
            found = _digest(file, source.kind)
            if found != expected:
                other = "its sha256 from where it was made as checksum" if fragile else "checksum=None"
                raise ValueError(
                    f"{path} has the {source.kind} {found}, not {expected}: it is truncated, or another file than "
                    f"{source.address}. Get it again; or, to read another file of that layout, pass {other}"
                )
            file.seek(0)
        try:
            yield file
        except (ImportError, MemoryError):
            raise
        except Exception as error:  # each of the five parsers has kinds of its own
            reason = str(error) or type(error).__name__
            raise ValueError(f"{path} is truncated, damaged or not laid out as {source.name}: {reason}") from error


class _Packed:
    """Images of zeros and ones, eight pixels to a byte, indexed as the array that they stand for."""

    def __init__(self, blocks):
        self.shape = IMAGES[1]
        self.bits = np.empty((*self.shape[:2], SIZE // 8), dtype=np.uint8)
        start = 0
        for block in blocks:
            if block.max() > 1:
                raise ValueError(f"imgs must hold zeros and ones, got {block.max()}")
            self.bits[start : start + len(block)] = np.packbits(block, axis=2)
            start += len(block)

    def __getitem__(self, rows):
        return np.unpackbits(self.bits[rows], axis=2)


def _check_layout(name, dtype, shape, expected):
    kind, size = expected
    if not np.issubdtype(dtype, kind) or shape != size:
        raise ValueError(f"{name} must be {kind.__name__} of shape {size}, got {dtype} of shape {shape}")


def _check_order(classes):
    own = Sprites().classes(slice(None))
    if classes[:, 0].any() or not np.array_equal(classes[:, 1:], own):
        raise ValueError("the latents' classes are in another order: colour 0, then shape to posY, the last fastest")


def _read_npz(file):
    with zipfile.ZipFile(file) as archive:
        _check_order(np.concatenate(list(_npy(archive, "latents_classes", CLASSES))))
        return _Packed(_npy(archive, "imgs", IMAGES))


def _npy(archive, name, layout, rows=1024):
    """Blocks of `rows` rows of one array, inflated as they are asked for."""
    if archive.namelist().count(f"{name}.npy") != 1:
        raise ValueError(f"{name} must be there once, among {', '.join(archive.namelist()[:9])}")
    with archive.open(f"{name}.npy") as stream:
        if npy.read_magic(stream) != (1, 0):
            raise ValueError(f"{name} must have npy format 1.0")
        shape, transposed, dtype = npy.read_array_header_1_0(stream)
        _check_layout(name, dtype, shape, layout)
        if transposed:
            raise ValueError(f"{name} must be in C order")
        for start in range(0, shape[0], rows):
            block = (min(rows, shape[0] - start), *shape[1:])
            content = stream.read(math.prod(block) * dtype.itemsize)
            if len(content) < math.prod(block) * dtype.itemsize:
                raise ValueError(f"{name} ends within row {start} to {start + rows}")
            yield np.frombuffer(content, dtype).reshape(block)
        if stream.read(1):  # reaching the end compares the checksum, too
            raise ValueError(f"{name} has bytes behind its last row")


def _read_hdf5(file):
    try:
        import h5py
    except ImportError as error:
        raise ImportError("the .hdf5 file needs h5py: pip install h5py. The .npz file does not") from error

    def array(name, layout):
        links = (root.get(part, getlink=True) for part in (name.split("/")[0], name))
        if not all(isinstance(link, h5py.HardLink) for link in links):
            raise ValueError(f"{name} leads out of the file, or is not there")
        found = root[name]
        if not isinstance(found, h5py.Dataset):
            raise ValueError(f"{name} is no array")
        if found.external or found.is_virtual:
            raise ValueError(f"{name} leads out of the file")
        _check_layout(name, found.dtype, found.shape, layout)
        return found

    with h5py.File(file, "r") as root:
        _check_order(array("latents/classes", CLASSES)[:])
        images = array("imgs", IMAGES)
        return _Packed(images[start : start + DEPTH] for start in range(0, len(images), DEPTH))


class _Gzip(gzip.GzipFile):
    """A stream that will not put much into memory at once, whatever lengths an archive's headers claim."""

    def read(self, size=-1):
        if size is not None and size > LARGEST:
            raise ValueError(f"a header or member claims {size} bytes, more than {LARGEST}")
        return super().read(size)


def _read_cars(file, size):
    """Images of shape (4, 24, cars, 3, size, size)."""
    with _Gzip(fileobj=file, mode="rb") as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
        members = _looked_at(archive)
        while stream.read(2**20):  # to the checksum at its end
            if stream.tell() > TOTAL:
                raise ValueError(f"it holds more than {TOTAL} bytes")

        def content(name):
            if name not in members:
                raise ValueError(f"no member {name}")
            return archive.extractfile(members[name]).read()

        cars = content("data/cars/list.txt").decode("ascii").split()
        if not cars or len(set(cars)) < len(cars):
            raise ValueError(f"list.txt must name each car once, got {len(cars)} names, {len(set(cars))} different")
        places = {f"data/cars/{car}.mat": number for number, car in enumerate(cars)}
        images = np.empty((ELEVATIONS, AZIMUTHS, len(cars), 3, size, size), dtype=np.uint8)
        for name in sorted(places, key=lambda name: members[name].offset if name in members else -1):
            images[:, :, places[name]] = _shrunk(_mesh(name, content(name)).transpose(4, 3, 2, 0, 1), size)
    return images


def _looked_at(archive):
    """Members by name, all of them harmless."""
    members, total = {}, 0
    for member in archive:
        path, name = PureWindowsPath(member.name), str(PurePosixPath(member.name))
        total += member.size
        if path.anchor or ".." in path.parts:
            raise ValueError(f"member {member.name!r} leads out of the folder")
        if not (member.isfile() or member.isdir()) or member.issparse():
            raise ValueError(f"member {member.name!r} is a link, a device or another special file")
        if name in members and not (member.isdir() and members[name].isdir()):
            raise ValueError(f"member {member.name!r} is there twice")
        if total > TOTAL:
            raise ValueError(f"member {member.name!r} makes more than {TOTAL} bytes in all")
        if len(archive.members) > MEMBERS:
            raise ValueError(f"it has more than {MEMBERS} members")
        members[name] = member
    return members


def _mesh(name, content):
    """`im` of a car's MATLAB file, its type and shape known before it is read; nothing else of the file is."""
    from scipy.io import loadmat, whosmat

    found = [entry for entry in whosmat(BytesIO(content)) if entry[0] == "im"]
    if found != [("im", MESH, "uint8")]:
        raise ValueError(f"{name} must hold im, uint8 of shape {MESH}, got {found}")
    return loadmat(BytesIO(content), variable_names=["im"])["im"]


def _shrunk(images, size):
    """Means over squares, halves rounded up, of images (..., 128, 128)."""
    k = PIXELS // size
    total = images.reshape(*images.shape[:-2], size, k, size, k).sum((-3, -1), dtype=np.uint16)
    return ((total + k * k // 2) // (k * k)).astype(np.uint8)
