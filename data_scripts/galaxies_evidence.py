"""Train on 16,384 galaxies, several seeds, and score on galaxies that nothing has seen; results in JSON.

    python data_scripts/galaxies_evidence.py galaxies-headline        # Case 1: scores and seconds, one thread
    python data_scripts/galaxies_evidence.py galaxies-threads         # the same on two threads
    python data_scripts/galaxies_evidence.py galaxies-recipe          # the same recipe with one choice undone
    python data_scripts/galaxies_evidence.py galaxies-prior           # the prior's width, and the number of images
    python data_scripts/galaxies_evidence.py galaxies-headline --out build/headline.json

A seed decides the training galaxies, the weights and the order of batches; the test galaxies have a seed of their own.
The file is written anew after each run, and runs that it holds already under the same settings are not run again.
"""

import argparse
import json
import platform
import subprocess
import time
from dataclasses import asdict, replace
from itertools import pairwise, product
from pathlib import Path

import torch

from auxvae_lite import results
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.simulators import galaxies
from auxvae_lite.training import Config, evaluate, fit

ROOT = Path(__file__).resolve().parents[1]
SIZE = 16384
TEST_SEED = 1_000_000
SEEDS = (0, 1, 2)
RECIPE = {"augment": "shear"}  # the package's defaults, and the galaxies' own symmetry
EXPERIMENTS = {  # variant: changes to the recipe
    "galaxies-headline": {"auxvae": {}},
    "galaxies-threads": {"2 threads": {"threads": 2}},
    "galaxies-recipe": {
        "no symmetries": {"augment": "none"},
        "lambda_1 = 0.5": {"lambda_1": 0.5},
        "lambda_2 = 0": {"lambda_2": 0.0},
        "prior variance 1": {"prior_variance": 1.0},
    },
    # "n" keeps that many training images, and the prior variance follows; as many steps as with all of them
    "galaxies-prior": {
        "variance 0.1": {"prior_variance": 0.1},
        "n = 300": {"n": 300},
        "n = 1000": {"n": 1000},
        "n = 3000": {"n": 3000},
    },
}


def run(variant, seed, changes, test):
    """Simulate, train and score once.

    Returns:
        The run as a result file holds it, and the numbers of rows.
    """
    changes = dict(changes)
    n = changes.pop("n", None)
    config = Config(**RECIPE | changes, seed=seed)
    torch.set_num_threads(config.threads)
    clock = [time.perf_counter()]
    train, validation, _ = FactorDataset(*galaxies.simulate(SIZE, seed)).split(seed)
    rows = {"train": len(train), "validation": len(validation), "test": len(test)}
    if n:
        steps = [max(1, count // config.batch_size) for count in (len(train), n)]  # an epoch's
        config = replace(config, epochs=round(config.epochs * steps[0] / steps[1]))
        train = train.rows(slice(0, n))
    clock.append(time.perf_counter())
    model, _ = fit(config, train)
    clock.append(time.perf_counter())
    scores, reference = evaluate(model, test)
    clock.append(time.perf_counter())
    seconds = dict(zip(("data", "train", "evaluate"), (round(b - a, 2) for a, b in pairwise(clock)), strict=True))
    place = {"variant": variant, "seed": seed, "threads": config.threads, "seconds": seconds}
    return place | {"scores": scores, "reference": reference}, rows


def machine():
    """This machine in words."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        processor = f"{names[0]}, {len(names)} cores" if names else processor
    return f"{processor}, Python {platform.python_version()}, torch {torch.__version__}"


def commit():
    """The code's commit, marked where files differ from it."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def main():
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--out", type=Path, help="file to write; by default the package's own")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    options = parser.parse_args()

    out = options.out or ROOT / f"auxvae_lite/results/{options.experiment}.json"
    variants = EXPERIMENTS[options.experiment]
    config = asdict(Config(**RECIPE)) | {"size": SIZE, "test_seed": TEST_SEED, "variants": variants}
    result = {"experiment": options.experiment, "config": json.loads(json.dumps(config)), "runs": []}
    if out.is_file() and (held := results.load(out))["config"] == result["config"]:
        result = held
    done = {(run["variant"], run["seed"]) for run in result["runs"]}
    test = FactorDataset(*galaxies.simulate(SIZE, TEST_SEED))
    for seed, (variant, changes) in product(options.seeds, variants.items()):
        if (variant, seed) in done:
            continue
        one, result["n"] = run(variant, seed, changes, test)
        result |= {"code": commit(), "machine": machine()}
        result["runs"].append(one)
        results.save(out, result)
    print(results.table(result))


if __name__ == "__main__":
    main()
