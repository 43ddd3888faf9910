"""Train the models that the package carries, one seed each, and write them with their scores.

    python data_scripts/make_pretrained.py                     # all of them, a minute or two each
    python data_scripts/make_pretrained.py galaxies-betavae --out build

Chapters and the explorer load them. One seed each: a page that quotes a number of theirs says so.
"""

import argparse
from pathlib import Path

from galaxies_evidence import RECIPE, SIZE, TEST_SEED, commit

from auxvae_lite import evidence, pretrained
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.simulators import galaxies
from auxvae_lite.training import Config, evaluate, fit

MODELS = {  # name: method and changes to the recipe
    "galaxies-auxvae": ("auxvae", {}),
    "galaxies-betavae": ("auxvae", {"factors": (), "beta": 4.0}),
    "galaxies-idvae": ("idvae", {"lambda_1": 1.0, "lambda_2": 1.0, "beta": 16.0}),
    "galaxies-supervised": ("supervised", {"latent_dim": 5}),
}


def train(name):
    """One model, its header filled."""
    code = commit()  # before training: files may change meanwhile
    method, changes = MODELS[name]
    config, (model_class, terms) = Config(**RECIPE | changes, seed=0), evidence.METHODS[method]
    rows, _, _ = FactorDataset(*galaxies.simulate(SIZE, config.seed)).split(config.seed)
    model, _ = fit(config, rows, model_class=model_class, terms=terms)
    scores, reference = evaluate(model, FactorDataset(*galaxies.simulate(SIZE, TEST_SEED)))
    model.provenance |= {"scores": scores, "reference": reference, "test_seed": TEST_SEED, "test_size": SIZE}
    model.provenance["code"] = code
    return model


def main():
    """Train what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(MODELS)}; all without it")
    parser.add_argument("--out", type=Path, default=pretrained.HERE, help="folder; by default the package's own")
    options = parser.parse_args()
    if unknown := set(options.names) - set(MODELS):
        parser.error(f"no model {', '.join(sorted(unknown))}; choose of {', '.join(MODELS)}")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or MODELS:
        path = options.out / f"{name}.safetensors"
        model = train(name)
        print(f"{path}: sha256 {model.save(path)}, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
