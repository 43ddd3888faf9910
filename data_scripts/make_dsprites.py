"""Make a dSprites set in a file: drawn here or read from the official file.

python data_scripts/make_dsprites.py                                   # data/dsprites.safetensors, 40,000 of them
python data_scripts/make_dsprites.py --official data/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz
python data_scripts/make_dsprites.py --all --out data/dsprites.npz     # all 737,280, for programs that read the .npz

`official.dsprites("data/dsprites.npz", checksum=None)` reads the last.
"""

import argparse
import math
import zipfile

import numpy as np
from arguments import whole, writable

from auxvae_lite import files
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.simulators import official
from auxvae_lite.simulators.dsprites import SIZE, Sprites

BLOCK = 4096  # images drawn at a time


def write_all(path, sprites):
    """Every image, class and value in the official .npz layout, without its pickled metadata."""
    n = len(sprites)
    classes, values = sprites.classes(slice(None)), sprites.factors(slice(None))
    arrays = {
        "imgs": ("|u1", (n, SIZE, SIZE), (sprites[start : start + BLOCK] for start in range(0, n, BLOCK))),
        "latents_classes": ("<i8", (n, 6), [np.hstack([np.zeros((n, 1), int), classes])]),
        "latents_values": ("<f8", (n, 6), [np.hstack([np.ones((n, 1)), values + [1, 0, 0, 0, 0]])]),  # shape: 1 to 3
    }
    with files.replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, (dtype, shape, blocks) in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # dated 1980: the same bytes on every day
            member.compress_type = zipfile.ZIP_DEFLATED
            member.file_size = math.prod(shape) * np.dtype(dtype).itemsize + 128
            with archive.open(member, "w") as stream:
                header = {"descr": dtype, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, header)
                for block in blocks:
                    stream.write(np.ascontiguousarray(block, dtype))


def main():
    """Parse, draw or read, save, and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=writable, default="data/dsprites.safetensors", help="file to write")
    parser.add_argument("--n", type=whole(1), default=40_000, help="number of images, at random")
    parser.add_argument("--seed", type=whole(0), default=0, help="which")
    parser.add_argument("--official", metavar="PATH", help="read the official .npz or .hdf5 instead of drawing")
    parser.add_argument("--all", action="store_true", help="every image, as .npz in the official layout")
    options = parser.parse_args()
    if options.all != options.out.endswith(".npz"):
        parser.error("--all writes --out NAME.npz, and only --all does")

    try:
        sprites = official.dsprites(options.official) if options.official else Sprites()
        made = None if options.all else sprites.sample(options.n, options.seed)
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    if options.all:
        write_all(options.out, sprites)
        print(f"{options.out}: {len(sprites):,} images in the layout of {official.SOURCES['dsprites.npz'].name}")
    else:
        data = FactorDataset(*made)
        checksum = data.save(options.out)
        print(f"{options.out}: {data}\nsha256 of the content {checksum}")


if __name__ == "__main__":
    main()
