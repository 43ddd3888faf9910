"""Run the experiments behind the book's chapters, several seeds each; results in JSON.

    python data_scripts/make_evidence.py                              # all of them: hours
    python data_scripts/make_evidence.py galaxies-headline            # one
    python data_scripts/make_evidence.py galaxies-headline --out build/headline.json
    python data_scripts/make_evidence.py galaxies-grid --scheduler tcp://host:8786   # on a Dask cluster
    python data_scripts/make_evidence.py --sample 4                   # repeat four random committed runs, compare

A seed decides the training images, the weights and the order of batches. The test galaxies have a seed of their own;
sprites and cars to test on are those of the same draw that training leaves.
Each run is kept in `build/evidence` as soon as it ends (with --out, in `runs` beside that file), and an experiment's
file when all its runs are there. Runs that either holds already, under the same settings, are not run again: a second
start does what the first left. After a change of the code, remove the runs and the files that should follow it.

Everything takes about fourteen hours on two cores: of the galaxies headline 3 minutes, threads 3, recipe 10, prior 10,
width 15, baselines 45, factorial 30, coverage 12, grid and grid-scale 30 each, extremes 30, differences 30, authors
170, choice-short 25, choice-one 25, choice 25, mended 25, mending 15, critics 10, class 3, untold 25, noisy 12;
dsprites-mended and cars-mended 25 each, unlike 25; and, as shorter runs suggest, dsprites 110, dsprites-hearts 15, cars
100, cars-few 10. A GPU does those in ten minutes.
"""

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
from contextlib import ExitStack, nullcontext
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from arguments import whole

from auxvae_lite import files
from auxvae_lite.study import authors, choice, results, runs, sets, sweep, unlike
from auxvae_lite.training import PAPER, Config

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build/evidence"
SIZE, TEST_SEED = runs.SIZE, runs.TEST_SEED
RECIPE = PAPER | {"augment": "shear"}  # the paper's objective, and the galaxies' own symmetry
VAE = {"factors": ()}
SCALE = math.sqrt(0.5)  # sigma with which R is the plain sum of squares, as in the authors' loss
GRID = {  # Fig. 16
    f"beta {beta:g}, lambda_1 {one:g}, lambda_2 {two:g}": {"beta": beta, "lambda_1": one, "lambda_2": two, "epochs": 10}
    for beta, one, two in product((1.0, 5.0, 10.0), (0.5, 1.0, 2.0), (0.1, 0.5, 1.0))
}
THEIRS = asdict(authors.config(augment="none"))
OPTIMISER = {name: THEIRS[name] for name in ("batch_size", "lr", "schedule", "clip")}
EXPERIMENTS = {  # variant: changes to the recipe, or other arguments of `runs.task`
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
    # is it the width of the prior that loses psf, the number of images, or the length of the training?
    "galaxies-width": {
        "n = 300, variance 1/11468": {"n": 300, "prior_variance": 1 / 11468},
        "n = 1000, variance 1/11468": {"n": 1000, "prior_variance": 1 / 11468},
        "variance 0.001, 88 epochs": {"prior_variance": 0.001, "epochs": 88},
    },
    # three settings of each method; the one that a method is shown with is chosen on validation rows (chapter 8)
    "galaxies-baselines": {
        "auxvae, lambda_2 0.3": {"lambda_2": 0.3},
        "auxvae, lambda_2 0.6": {},
        "auxvae, lambda_2 1.2": {"lambda_2": 1.2},
        "vae": VAE,
        "beta-vae, beta 4": VAE | {"beta": 4.0},
        "beta-vae, beta 16": VAE | {"beta": 16.0},
        "idvae, beta 1": {"method": "idvae", "lambda_1": 1.0, "lambda_2": 1.0},
        "idvae, beta 4": {"method": "idvae", "lambda_1": 1.0, "lambda_2": 1.0, "beta": 4.0},
        "idvae, beta 16": {"method": "idvae", "lambda_1": 1.0, "lambda_2": 1.0, "beta": 16.0},
        "supervised": {"method": "supervised", "latent_dim": 5},
    },
    "galaxies-factorial": {
        f"variance {variance}, lambda_1 {one:g}, lambda_2 {two:g}": {"lambda_1": one, "lambda_2": two}
        | ({} if variance == "1/n" else {"prior_variance": 1.0})
        for variance, one, two in product(("1", "1/n"), (0.0, 0.5), (0.0, 0.4))
    },
    "galaxies-coverage": {  # five free latents in each
        "case 1": {},
        "case 2": {"factors": ("radius", "g1", "g2"), "latent_dim": 8},
        "case 3": {"factors": ("flux", "radius"), "latent_dim": 7},
    },
    "galaxies-grid": GRID,
    "galaxies-grid-scale": {name: changes | {"sigma": SCALE} for name, changes in GRID.items()},
    "galaxies-extremes": {
        "recipe": {},
        **{f"lambda_1 = {value:g}": {"lambda_1": value} for value in (0.0, 10.0, 100.0)},
        **{f"lambda_2 = {value:g}": {"lambda_2": value} for value in (0.0, 10.0, 100.0)},
        **{f"variance {value:g}": {"prior_variance": value} for value in (1e-8, 1e-6, 1e-3, 1e-2, 1e-1, 1.0, 10.0)},
    },
    "galaxies-differences": {  # one choice of the authors' code each
        "ours": {},
        "unit prior variance": {"prior_variance": 1.0},
        "logarithms": {"method": "log10", "image_scaling": "minmax"},
        "scale": {"sigma": SCALE},
        "scale and beta 20": {"sigma": SCALE, "beta": 20.0},
        "sampled penalties": {"method": "sampled"},
        "network": {"method": "authors' network", "widths": THEIRS["widths"]},
        "optimiser": OPTIMISER,
        "min-max factors": {"factor_scaling": "minmax"},
        "min-max images": {"image_scaling": "minmax"},
        "no symmetries": {"augment": "none"},
        "one noise stream": {"constant_noise": True},
    },
    "galaxies-authors": {
        f"{epochs} epochs": {"method": "authors"} | {name: value for name, value in THEIRS.items() if name != "seed"}
        | {"epochs": epochs}
        for epochs in (60, 120, 240, 360)
    },
}  # fmt: skip
ONE_SEED = (  # what `choice.survivors` lets go on from galaxies-choice-short
    "beta_free 16, distance 1", "beta_free 16, hsic 1", "beta_free 16, none", "beta_free 4, distance 1",
    "beta_free 4, hsic 1", "beta_free 1, distance 1", "beta_free 16, powers 1.8", "beta_free 64, none",
    "beta_free 64, hsic 1", "beta_free 64, distance 4", "beta_free 64, distance 1", "beta_free 64, powers 0.6",
)  # fmt: skip
THREE_SEEDS = (  # and from galaxies-choice-one
    "beta_free 64, none", "beta_free 64, distance 1", "beta_free 64, hsic 1",
    "beta_free 16, hsic 1", "beta_free 16, distance 1", "beta_free 16, none",
)  # fmt: skip
EXPERIMENTS |= {  # how the mended objective was chosen: `choice` has the rule
    "galaxies-choice-short": {
        f"{name}, {case}": changes | choice.CASES[case] | {"epochs": 12, "lr": 1e-2}
        for name, changes in choice.settings().items()
        for case in ("case 1", "case 3")
    },
    "galaxies-choice-one": {
        f"{name}, {case}": choice.settings()[name] | changes
        for name in ONE_SEED
        for case, changes in choice.CASES.items()
    },
}
EXPERIMENTS["galaxies-choice"] = {
    f"{name}, {case}": choice.settings()[name] | changes
    for name in THREE_SEEDS
    for case, changes in choice.CASES.items()
}
MENDED = {name: getattr(Config(), name) for name in PAPER}  # what `Config()` has in place of the paper's
FREE = {"decoder_bias": True, "beta_free": MENDED["beta_free"]}
EXPERIMENTS |= {  # chapter 14
    "galaxies-mended": {
        f"{objective}, {case}": changes | choice.CASES[case]
        for objective, changes in (("paper", {}), ("mended", MENDED), ("no inter", FREE | {"lambda_2": 0.0}))
        for case in choice.CASES
    },
    "galaxies-mending": {  # one thing at a time
        "constant": {"decoder_bias": True},
        "weight": {"beta_free": MENDED["beta_free"]},
        "constant, weight": FREE,
        "constant, weight, wrapped": FREE | {"dependence": "wrapped"},
        "constant, no inter": {"decoder_bias": True, "lambda_2": 0.0},
        "ours without weight": MENDED | {"beta_free": 1.0},
        "ours, pairs, case 1": MENDED | {"method": "pairs"},
        "ours, pairs, case 3": MENDED | choice.CASES["case 3"] | {"method": "pairs"},
    },
}
EXPERIMENTS["galaxies-class"] = {  # what a class can wait for: half a minute
    f"lambda_2 {weight:g}": MENDED | {"lambda_2": weight, "epochs": 12, "lr": 1e-2} for weight in (4.0, 8.0)
}
DROP = {"drop": True}
EXPERIMENTS["galaxies-untold"] = {"all told": MENDED} | {  # chapter 12: some rows tell their factors
    f"{share:g}, {name}": MENDED | {"labels": {"share": share} | how} | changes
    for share in (0.1, 0.01)
    for name, how, changes in (
        ("kept", {}, {}),
        ("kept, not drawn more often", {}, {"told_share": 0.0}),
        ("kept, plain", {}, {"told_share": 0.0, "method": "plain"}),
        ("dropped", DROP, {}),
        ("dropped, variance 1/11468", DROP, {"prior_variance": 1 / 11468}),
        ("kept, each factor in rows of its own", {"together": False}, {}),
    )
}
EXPERIMENTS["galaxies-noisy"] = {  # chapter 12: labels with an error of half their standard deviation
    f"{errors} errors, {name}": MENDED | {"labels": {"error": 0.5, "unequal": errors == "unequal"} | how} | changes
    for errors in ("equal", "unequal")
    for name, how, changes in (
        ("not said", {"said": False}, {}),
        ("said", {}, {}),
        ("said, wide prior", {}, {"method": "wide"}),
    )
}
EXPERIMENTS["unlike"] = {name: {"set": name} for name in unlike.SETS}  # settings that the data suggest
EXPERIMENTS["galaxies-critics"] = {  # the paper's first open question, without help from the weight
    f"{form} {weight:g}": {"decoder_bias": True, "method": form, "lambda_2": weight}
    for form, weight in product(("mine", "ratio"), (0.1, 0.3))
}
# sprites' pixels are 0 or 1; their R is some fifty times smaller than a galaxy's, and so are the penalties' weights
SPRITES = PAPER | {"likelihood": "bernoulli", "image_scaling": "minmax", "lambda_1": 0.03, "lambda_2": 0.1}
CARS = PAPER | {"sigma": 0.05, "image_scaling": "minmax"}
SCALED = MENDED | {"lambda_2": MENDED["lambda_2"] * SPRITES["lambda_2"] / PAPER["lambda_2"]}  # sprites' share of it
BENCHMARKS = {  # experiment: set, sprites or cars to draw, what all variants share
    "dsprites": ("dsprites", 24576, SPRITES),
    "dsprites-hearts": ("hearts", 12288, SPRITES),
    "cars": ("cars", 183, CARS),
    "dsprites-mended": ("dsprites", 24576, SPRITES),
    "cars-mended": ("cars", 183, CARS),
    "cars-few": ("few cars", 6, CARS | {"epochs": 440}),
}


def guided(group, name):
    """The columns of a set's group, as a change of the settings."""
    return {"factors": sets.SETS[name].groups[group]}


def methods(group, name):
    """What the Aux-VAE is compared with on a set."""
    columns = guided(group, name)
    return {
        "vae": VAE,
        "beta-vae, beta 4": VAE | {"beta": 4.0},
        "beta-vae, beta 16": VAE | {"beta": 16.0},
        "idvae": columns | {"method": "idvae", "lambda_1": 1.0, "lambda_2": 1.0, "beta": 4.0},
        "supervised": columns | {"method": "supervised", "latent_dim": len(columns["factors"])},
    }


EXPERIMENTS |= {
    "dsprites": {
        **{group: guided(group, "dsprites") for group in sets.SETS["dsprites"].groups},
        "codes, gaussian": guided("codes", "dsprites")
        | {"likelihood": "gaussian", "sigma": 0.05, "lambda_1": 0.1, "lambda_2": 0.6},
        "codes, heavy penalties": guided("codes", "dsprites") | {"lambda_1": 0.1, "lambda_2": 0.6},
        **methods("codes", "dsprites"),
    },
    "dsprites-hearts": {"vae": VAE, **{group: guided(group, "hearts") for group in sets.SETS["hearts"].groups}},
    "cars": {
        **{group: guided(group, "cars") for group in sets.SETS["cars"].groups},
        "all, sigma 0.015": guided("all", "cars") | {"sigma": 0.015},
        **methods("all", "cars"),
    },
    "dsprites-mended": {"paper": guided("codes", "dsprites"), "mended": guided("codes", "dsprites") | SCALED},
    "cars-mended": {"paper": guided("all", "cars"), "mended": guided("all", "cars") | MENDED},
    "cars-few": {"vae": VAE, "all": guided("all", "few cars"), "onehot": guided("onehot", "few cars")},
}
SEEDS = {
    "galaxies-choice-short": 1,
    "galaxies-choice-one": 1,
    "galaxies-mended": 5,
    "galaxies-baselines": 5,
    "galaxies-factorial": 5,
    "galaxies-coverage": 5,
    "galaxies-authors": 5,
}  # others 3
FIRST = {"galaxies-mended": 5}  # seeds that have chosen nothing; other experiments begin with 0
PLAIN = {f"galaxies-{name}" for name in ("headline", "threads", "recipe", "prior", "width")}  # `evaluate`'s scores
VALIDATION = (
    "galaxies-choice-short",
    "galaxies-choice-one",
    "galaxies-choice",
)  # experiments that are scored on validation rows alone
GROUPS = {
    "galaxies-mended": "generate",
    "galaxies-mending": "generate",
    "galaxies-critics": "generate",
    "galaxies-class": "generate",
    "galaxies-untold": "labels",
    "galaxies-noisy": "labels",
    "galaxies-baselines": ["traversal"],
    "galaxies-authors": ["traversal"],
    "galaxies-coverage": ["drops"],
}
SLOW = ("authors", "authors' network")  # methods that a sample leaves out: five minutes a run and more
ADRIFT = ("wide",)  # methods whose latents end anywhere, so that rounding decides; left out, too
FAILING = 10.0  # penalty's weight at which training fails: of such runs 2 of 12, repeated, were outside; left out, too
PLANNED = ()  # experiments that have not run yet
ONE = ("galaxies-choice-short", "galaxies-choice-one")  # experiments with one seed, whose spread nobody knows
LONG = (
    "dsprites",
    "cars",
    "dsprites-mended",
    "cars-mended",
    "unlike",
    *ONE,
)  # experiments likewise, unless they are named
TOLERANCES = {  # above the largest difference that rounding made among 17 pairs of runs of the recipe on two machines
    "ssim_global": 1.5e-4,
    "ssim_image": 1e-3,
    "ssim_clean": 1e-3,
    "mse": 1e-5,
    "lds": 0.05,
    "lds_codes": 0.05,
    "lds_all": 0.05,
    "mig": 0.03,
    "dci_d": 0.003,
    "best_psf": 0.004,
}  # what moves as much between two roundings as between two seeds, such as what z_recon tells or SAP, is not compared
SPREADS = 5  # sd over seeds that are allowed where that is more: after rounding a run may end anywhere among the seeds


def task(experiment, variant, seed):
    """The task of one run."""
    changes = dict(EXPERIMENTS[experiment][variant])
    if experiment == "unlike":
        return runs.unlike_task(changes["set"], seed)
    options = {name: changes.pop(name) for name in ("method", "n", "constant_noise", "labels") if name in changes}
    if experiment in BENCHMARKS:
        name, size, shared = BENCHMARKS[experiment]
        return runs.set_task(Config(**shared | changes, seed=seed), name, size, **options)
    groups = None if experiment in (*PLAIN, *VALIDATION) else GROUPS.get(experiment, [])
    options |= {"rows": "validation"} if experiment in VALIDATION else {}
    return runs.task(Config(**RECIPE | changes, seed=seed), groups=groups, **options)


def main():
    """Run what is missing, and print the tables; or repeat a sample, for which the exit status is that of `repeat`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", nargs="*", help=f"of {', '.join(EXPERIMENTS)}; all without it")
    parser.add_argument("--out", type=Path, help="file to write, for one experiment; by default the package's own")
    parser.add_argument("--seeds", type=whole(0), nargs="+", help="by default 0, 1, 2 and, where it matters most, 3, 4")
    parser.add_argument("--workers", type=whole(1), default=2, help="processes on this machine, one thread each")
    parser.add_argument("--device", default="cpu", help='"cuda" trains on a GPU, which a dozen processes share well')
    parser.add_argument("--scheduler", help="address of a Dask scheduler to use instead, such as tcp://host:8786")
    parser.add_argument("--sample", type=int, metavar="N", help="repeat N random committed runs instead, and compare")
    options = parser.parse_args()
    if unknown := set(options.experiments) - set(EXPERIMENTS):
        parser.error(f"no experiment {', '.join(sorted(unknown))}; choose of {', '.join(EXPERIMENTS)}")
    names = options.experiments or list(EXPERIMENTS)
    if options.out and len(names) != 1:
        parser.error("--out takes the result of one experiment: name one")
    if options.seeds and not options.out:
        parser.error("--seeds would replace the committed seeds: give --out FILE as well")
    if options.out and options.out.suffix != ".json":
        parser.error(f"--out must end in .json, got {options.out}")
    try:
        torch.empty(0, device="meta" if options.scheduler else options.device)  # a cluster's machines have their own
        for name in names if options.sample is None else []:
            files.check_writable(options.out or committed(name))
            held_runs(options.out or committed(name), settings(name))
    except (AssertionError, RuntimeError, OSError, ValueError) as error:  # the first two of a device
        parser.error(str(error).splitlines()[0])
    if options.sample is not None:
        sample = drawn(
            options.experiments or [name for name in EXPERIMENTS if name not in LONG + PLANNED], options.sample
        )
        if not sample:
            parser.error("--sample has nothing to repeat: N must be 1 or more, and runs take minutes, not hours")
    cluster = sweep.connect(options.scheduler) if options.scheduler else nullcontext()
    with ExitStack() as stack:
        try:
            executor = stack.enter_context(cluster)
        except (ImportError, OSError, ValueError) as error:
            parser.error(str(error))
        folder = options.out.parent / "runs" if options.out else FOLDER
        # a sample trains from nothing, and so do a cluster's machines, which may have no common disk
        checkpoints = None if options.sample or options.scheduler else folder / "checkpoints"
        function = partial(runs.run, device=options.device, checkpoints=checkpoints, code=commit())
        do = partial(sweep.run, function, executor=executor)
        if options.sample:
            return repeat(sample, partial(do, workers=options.workers))
        for name in names:
            out = options.out or committed(name)
            workers = 1 if name == "galaxies-threads" else options.workers  # its processes have two threads
            seeds = options.seeds or own_seeds(name)
            print(results.table(complete(name, seeds, out, partial(do, folder=folder, workers=workers))))


def own_seeds(experiment):
    """The seeds that its file has."""
    first = FIRST.get(experiment, 0)
    return range(first, first + SEEDS.get(experiment, 3))


def drawn(experiments, count):
    """Random committed runs: pairs of an experiment and one of its runs."""

    def fits(name, run):
        asked = task(name, run["variant"], run["seed"])
        heaviest = max(asked["config"]["lambda_1"], asked["config"]["lambda_2"])
        return asked["method"] not in SLOW + ADRIFT and run["threads"] == 1 and heaviest < FAILING

    runs = [(name, run) for name in experiments for run in results.load(name)["runs"] if fits(name, run)]
    return random.sample(runs, max(0, min(count, len(runs))))


def repeat(runs, do):
    """Run again with the stored seed and configuration, compare with what is stored; the exit status.

    Three seeds may lie close by chance, and their spread is then too narrow. So where a run is outside another seed is
    repeated too, and only what is outside in both counts. Of 240 runs that rounding changed two were outside, of two
    settings (`auxvae_lite/study/results/again`; a test counts them).
    """
    odd = [(name, run, scores) for (name, run), scores in zip(runs, outside(runs, do), strict=True) if scores]
    others = [(name, other(name, run)) for name, run, _ in odd]
    complaints = [
        f"{name}, {run['variant']}: {', '.join(twice)}"
        for (name, run, scores), again in zip(odd, outside(others, do), strict=True)
        if (twice := sorted(scores & again))
    ]
    print("outside with two seeds: " + "; ".join(complaints) if complaints else "all within their tolerances")
    return len(complaints)


def outside(runs, do):
    """Repeat runs and print how near they come to what is stored; for each, the scores beyond their tolerance."""
    if not runs:
        return []
    with tempfile.TemporaryDirectory() as folder:
        found = do([task(name, run["variant"], run["seed"]) for name, run in runs], folder)
    beyond = []
    for (name, run), again in zip(runs, found, strict=True):
        limits = allowed(name, run["variant"])
        reaches = reach(run, again, limits)
        worst = max(reaches, key=reaches.get)
        beyond.append({key for key, multiple in reaches.items() if multiple > 1})
        place, numbers = f"{name}, {run['variant']}, seed {run['seed']}", (run["scores"][worst], again["scores"][worst])
        print(
            f"{place}: {len(limits)} scores; {worst} {numbers[0]:.5f}, again {numbers[1]:.5f}, "
            f"{'OUTSIDE' if beyond[-1] else 'within'} {limits[worst]:.2g}; {sum(again['seconds'].values()):.0f} s"
        )
    return beyond


def reach(run, again, limits):
    """How far each compared score of a repeat lies from the stored one, as a multiple of what is allowed."""
    return {key: abs(again["scores"][key] - run["scores"][key]) / limit for key, limit in limits.items()}


def other(experiment, run):
    """The same variant's run with another seed."""
    runs = results.by_variant(results.load(experiment))[run["variant"]]
    return next(one for one in runs if one["seed"] != run["seed"])


def allowed(experiment, variant):
    """How far each compared score of a repeated run may lie from the stored one.

    Three seeds may agree by chance: a variant's spread counts as at least the median of all variants'.
    """
    result = results.load(experiment)
    limits = {}
    for name in TOLERANCES.keys() & results.by_variant(result)[variant][0]["scores"].keys():
        having = [v for v, runs in results.by_variant(result).items() if name in runs[0]["scores"]]
        sds = {v: np.std(results.values(result, v, name), ddof=1) for v in having}
        spread = max(sds[variant], np.median(list(sds.values())))
        limits[name] = max(TOLERANCES[name], SPREADS * float(spread))
    return limits


def complete(experiment, seeds, out, do):
    """An experiment's result: the runs that its file holds already, and `do` for the others; the file is written."""
    variants, config = EXPERIMENTS[experiment], settings(experiment)
    held, machines, codes = held_runs(out, config)
    places = list(product(seeds, variants))
    missing = [place for place in places if place not in held]
    # the epochs of a checkpoint that grows come one after the other
    waves = [[place for place in missing if place[1] == variant] for variant in variants]
    found = {}
    for wave in waves if experiment == "galaxies-authors" else [missing]:
        tasks = [task(experiment, variant, seed) for seed, variant in wave]
        found |= dict(zip(wave, do(tasks), strict=True))
    like = {variant: run for (_, variant), run in held.items()}
    runs = [held.get(place) or as_run(place, found[place], like.get(place[1])) for place in places]
    for one in found.values():
        machines, codes = machines + [one["machine"]], codes + [one["code"]]
    n = found[missing[-1]]["n"] if missing else results.load(out)["n"]
    result = {"experiment": experiment, "config": config, "code": "; ".join(dict.fromkeys(codes))}
    result |= {"machine": "; ".join(dict.fromkeys(machines)), "n": n, "runs": runs}
    if missing:
        results.save(out, result)
    return result


def committed(experiment):
    """Path of an experiment's committed file."""
    return ROOT / f"auxvae_lite/study/results/{experiment}.json"


def settings(experiment):
    """What an experiment's file says of its runs, as JSON has it: what they share, and what each variant changes."""
    if experiment == "unlike":
        config = {"size": {name: size for name, (size, _) in unlike.SETS.items()}}
    elif experiment in BENCHMARKS:
        name, size, shared = BENCHMARKS[experiment]
        config = asdict(Config(**shared)) | {"set": name, "size": size}
    else:
        config = asdict(Config(**RECIPE)) | {"size": SIZE, "test_seed": TEST_SEED}
        config |= {"rows": "validation"} if experiment in VALIDATION else {}  # which no pool of test scores takes
    return json.loads(json.dumps(config | {"variants": EXPERIMENTS[experiment]}))


def held_runs(out, config):
    """The runs of a file that were made with these settings, by (seed, variant); lists of their machines and code."""
    if not out.is_file():
        return {}, [], []
    kept = results.load(out)
    both = config["variants"].keys() & kept["config"]["variants"].keys()
    same = {v for v in both if results.settings(config, v) == results.settings(kept["config"], v)}
    runs = {(run["seed"], run["variant"]): run for run in kept["runs"] if run["variant"] in same}
    return (runs, kept["machine"].split("; "), kept["code"].split("; ")) if runs else ({}, [], [])


def as_run(place, found, like=None):
    """A sweep's result as a result file has it; beside older runs of its variant, with the scores that `like` has."""
    seed, variant = place
    scores, reference = (tails(found[part]) for part in ("scores", "reference"))
    if like is not None:
        scores = {name: value for name, value in scores.items() if name in like["scores"]}
        reference = {
            score: {name: value for name, value in row.items() if name in like["reference"][score]}
            for score, row in reference.items()
            if score in like["reference"]
        }
    seconds = {key: found[key] for key in ("threads", "seconds")}
    return {"variant": variant, "seed": seed} | seconds | {"scores": scores, "reference": reference}


def tails(rows):
    """Scores or references; for the kurtosis of live free latents, their number, the least and the largest, or 0."""
    found = [value for name, value in rows.items() if name.startswith("kurtosis")]
    rows = {name: value for name, value in rows.items() if not name.startswith("kurtosis")}
    if "told_by_free_radius" not in rows or isinstance(rows["told_by_free_radius"], dict):
        return rows
    least, most = min(found, default=0.0), max(found, default=0.0)
    return rows | {"live_free": float(len(found)), "kurtosis_least": least, "kurtosis_most": most}


def commit():
    """The code's commit, marked where files differ from it; "unknown" outside a clone."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


if __name__ == "__main__":
    sys.exit(main())
