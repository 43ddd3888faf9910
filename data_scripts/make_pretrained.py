"""Train the models that the package carries, one seed each, and write them with their scores.

    python data_scripts/make_pretrained.py                     # all of them, one to six minutes each
    python data_scripts/make_pretrained.py galaxies-betavae --out build

Chapters and the explorer load them. One seed each: a page that quotes a number of theirs says so.
"""

import argparse
from pathlib import Path

import make_evidence
from make_evidence import commit

from auxvae_lite import files
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.pages import pretrained
from auxvae_lite.simulators import galaxies
from auxvae_lite.study import runs, sets
from auxvae_lite.training import Config, evaluate, fit

MODELS = {  # name: an experiment's variant
    "galaxies-auxvae": ("galaxies-baselines", "auxvae, lambda_2 0.6"),
    "galaxies-mended": ("galaxies-mended", "mended, case 1"),
    "galaxies-betavae": ("galaxies-baselines", "beta-vae, beta 4"),
    "galaxies-idvae": ("galaxies-baselines", "idvae, beta 16"),
    "galaxies-supervised": ("galaxies-baselines", "supervised"),
    "dsprites-auxvae": ("dsprites", "codes"),
    "dsprites-betavae": ("dsprites", "beta-vae, beta 4"),
    "cars-auxvae": ("cars", "all"),
    "cars-betavae": ("cars", "beta-vae, beta 4"),
}


def train(name, device="cpu"):
    """One model, its header filled."""
    code = commit()  # before training: files may change meanwhile
    task = make_evidence.task(*MODELS[name], seed=0)
    config, (model_class, terms) = Config(**task["config"]), runs.METHODS[task["method"]]
    rows, test, facts = parts(task["data"], config.seed)
    model, _ = fit(config, rows, model_class=model_class, terms=terms, device=device)
    scores, reference = evaluate(model, test)
    model.provenance |= {"scores": scores, "reference": reference, "code": code} | facts
    return model


def parts(data, seed):
    """Rows to train on and to score on, and what to note of the second."""
    if "set" in data:
        drawn, about = sets.rows(data["set"], data["size"], seed), sets.SETS[data["set"]].groups
        columns = next(iter(about.values()))
        test = drawn.new or drawn.test
        test = FactorDataset(test.images, test.columns(columns), columns)
        return drawn.train, test, {"set": data["set"], "size": data["size"], "objects": "new" if drawn.new else "seen"}
    rows, _, _ = FactorDataset(*galaxies.simulate(data["size"], seed)).split(seed)
    test = FactorDataset(*galaxies.simulate(data["size"], data["test_seed"]))
    return rows, test, {"test_seed": data["test_seed"], "test_size": data["size"]}


def main():
    """Train what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(MODELS)}; all without it")
    parser.add_argument("--out", type=Path, default=pretrained.HERE, help="folder; by default the package's own")
    options = parser.parse_args()
    if unknown := set(options.names) - set(MODELS):
        parser.error(f"no model {', '.join(sorted(unknown))}; choose of {', '.join(MODELS)}")
    names = options.names or list(MODELS)
    try:
        files.check_writable(options.out / f"{names[0]}.safetensors")
    except OSError as error:
        parser.error(str(error))
    for name in names:
        path = options.out / f"{name}.safetensors"
        model = train(name)
        print(f"{path}: sha256 {model.save(path)}, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
