"""Make the galaxy set in a file, with our renderer or, for whoever wants the paper's own tool, with GalSim.

python data_scripts/make_galaxies.py                      # data/galaxies.safetensors
python data_scripts/make_galaxies.py --engine galsim      # needs `pip install auxvae-lite[data]`
"""

import argparse

import numpy as np
from arguments import whole, writable

from auxvae_lite.datasets import FactorDataset
from auxvae_lite.simulators import galaxies


def draw_galsim(factors):
    """Noiseless galaxies by GalSim at its default settings, as the paper drew them; shape (n, 1, 33, 33), counts."""
    import galsim

    images = np.empty((len(factors), 1, galaxies.SIZE, galaxies.SIZE), dtype=np.float32)
    for image, (flux, radius, g1, g2, psf) in zip(images, factors, strict=True):
        disk = galsim.Exponential(scale_radius=radius, flux=flux).shear(g1=g1, g2=g2)
        blurred = galsim.Convolve(disk, galsim.Gaussian(fwhm=psf))
        image[0] = blurred.drawImage(nx=galaxies.SIZE, ny=galaxies.SIZE, scale=galaxies.PIXEL).array
    return images.clip(0, None)


def main():
    """Parse, simulate, save, and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=writable, default="data/galaxies.safetensors", help="file to write")
    parser.add_argument("--n", type=whole(1), default=16384, help="number of galaxies")
    parser.add_argument("--seed", type=whole(0), default=0, help="seed of factors and noise")
    parser.add_argument("--constant-noise", action="store_true", help="one noise seed for all, as the authors have")
    parser.add_argument("--engine", choices=("auxvae_lite", "galsim"), default="auxvae_lite", help="what draws")
    options = parser.parse_args()

    try:
        if options.engine == "galsim":
            factors = galaxies.sample(options.n, options.seed)
            clean = draw_galsim(factors)
            made = galaxies.observe(factors, clean, options.seed, options.constant_noise, engine="galsim")
        else:
            made = galaxies.simulate(options.n, options.seed, options.constant_noise)
    except ImportError:
        parser.error("--engine galsim needs GalSim: pip install 'auxvae-lite[data]'")
    except MemoryError as error:
        parser.error(f"--n {options.n} galaxies need more memory than there is ({error})")
    data = FactorDataset(*made)
    checksum = data.save(options.out)
    print(f"{options.out}: {data}\nsha256 of the content {checksum}")


if __name__ == "__main__":
    main()
