"""Make Cars3D-lite in a file, or, for whoever wants real shapes, pictures of TORCS's cars on the same grid.

python data_scripts/make_cars3d.py                   # data/cars3d-lite.safetensors: 17,568 pictures, 40 seconds, 865 MB
python data_scripts/make_cars3d.py --n 2000          # that many of them, at random; all take 3 GB of memory
python data_scripts/make_cars3d.py --engine torcs --models FOLDER     # 17 cars, 1,632 pictures, 2 minutes, 80 MB

FOLDER is where Debian's package is unpacked (333 MB, and 526 MB unpacked; Debian or Ubuntu, no root needed):

    apt-get download torcs-data && dpkg -x torcs-data_*.deb FOLDER

Of its cars, 14 are under the Free Art License, and 155-DTM, buggy and p406 under GPL-2 or later, as its
usr/share/doc/torcs-data/copyright says. Pictures of them are derived works: whoever passes them on keeps to the licence
of each. This repository holds none.
"""

import argparse

import numpy as np
import torcs
from arguments import whole
from tqdm import tqdm

from auxvae_lite.datasets import FactorDataset
from auxvae_lite.files import check_writable
from auxvae_lite.simulators import cars
from auxvae_lite.simulators.simulation import Simulation

NAMES = (*cars.NAMES[:3], "object", "length", "height")
UNITS = (*cars.UNITS[:3], "class", "m", "m")


def draw_torcs(folder, n, seed):
    """`n` different pictures, or all in random order, of TORCS's cars on the grid of Cars3D-lite, as a `Simulation`.

    Raises:
        ValueError: naming a file that cannot be used, or unless `n` is from 1 to the number of pictures.
    """
    paths = torcs.models(folder)
    counts = len(cars.ELEVATIONS), len(cars.AZIMUTHS), len(paths)
    n = np.prod(counts) if n is None else n
    if not 1 <= n <= np.prod(counts):
        raise ValueError(f"n must be from 1 to {np.prod(counts)}, got {n}")
    rows = np.random.default_rng(seed).choice(np.prod(counts), n, replace=False)
    classes = np.unravel_index(rows, counts)
    elevation, azimuth, model = np.take(cars.ELEVATIONS, classes[0]), np.take(cars.AZIMUTHS, classes[1]), classes[2]
    images, sizes = np.empty((n, 3, cars.SIZE, cars.SIZE), dtype=np.uint8), np.empty((n, 2))
    for number, path in enumerate(tqdm(paths.values(), "cars")):
        here, car = model == number, torcs.load(path)
        images[here] = torcs.render(car, elevation[here], azimuth[here])
        sizes[here] = car.length, car.height
    turn = np.radians(azimuth)
    factors = np.column_stack([elevation, np.cos(turn), np.sin(turn), model, sizes])
    provenance = {"simulator": "cars", "set": "torcs-data", "cars": list(paths), "seed": seed}
    provenance |= {"licences": {name: torcs.licence(name) for name in paths}}
    return Simulation(images, factors, NAMES, UNITS, None, provenance)


def main(arguments=None):
    """Parse, draw, save, and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    files = "data/cars3d-lite.safetensors or data/torcs.safetensors"
    parser.add_argument("--out", help=f"file to write, by default {files}")
    parser.add_argument("--n", type=whole(1), help="number of pictures, by default all")
    parser.add_argument("--seed", type=whole(0), default=0, help="which pictures, and their order")
    parser.add_argument("--identities", type=whole(1), default=183, help="cars of our own, `cars.Cars(identities)`")
    parser.add_argument("--engine", choices=("auxvae_lite", "torcs"), default="auxvae_lite", help="whose cars")
    parser.add_argument("--models", metavar="FOLDER", help="where torcs-data is unpacked")
    options = parser.parse_args(arguments)

    if (options.engine == "torcs") != (options.models is not None):
        parser.error("--engine torcs and --models FOLDER go together")
    out = options.out or ("data/torcs.safetensors" if options.engine == "torcs" else "data/cars3d-lite.safetensors")
    try:
        check_writable(out)
        if options.engine == "torcs":
            made = draw_torcs(options.models, options.n, options.seed)
        else:
            fleet = cars.Cars(options.identities)
            made = fleet.sample(len(fleet) if options.n is None else options.n, options.seed)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    data = FactorDataset(*made)
    checksum = data.save(out)
    print(f"{out}: {data}\nsha256 of the content {checksum}")


if __name__ == "__main__":
    main()
