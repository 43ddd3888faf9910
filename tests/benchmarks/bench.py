r"""The speed benchmarks: ours against peers, the authors' forms, GalSim, and the processor's own limit.

    python tests/benchmarks/bench.py                                # all sections, about an hour on a quiet machine
    python tests/benchmarks/bench.py --section penalties renderer   # some of them
    python tests/benchmarks/bench.py --quick                        # tiny sizes, to see that all of it runs

Repeats of what is compared are interleaved; a ratio is the median over repeats, and above 1 where ours is faster.
"""

import argparse
import itertools
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import peers
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from auxvae_lite import files, metrics, regularizers, training
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.models import AuxVAE
from auxvae_lite.scalings import Scaling
from auxvae_lite.simulators import galaxies
from auxvae_lite.study import authors, runs
from auxvae_lite.training import Config, evaluate, fit, terms, total

HERE = Path(__file__).resolve().parent
SHAPE = (1, galaxies.SIZE, galaxies.SIZE)
QUALITY = {"ssim_image": 0.90, "lds": 0.80}  # of the section `quality`
PEERS = {  # and what each needs to be measured
    "pythae": "its progress bar is patched away",
    "disent": "torchvision's operators are declared where torch lacks them",
}


class Row(NamedTuple):
    """One result: `value` is what the target, such as ">= 4", is held against."""

    what: str
    unit: str
    value: float
    target: str = ""
    note: str = ""
    ours: float | None = None
    other: float | None = None

    @property
    def met(self):
        """Whether the value reaches the target; None without one."""
        sense, bound = self.target.split() if self.target else (None, 0)
        return {">=": self.value >= float(bound), "<=": self.value <= float(bound)}.get(sense)


def versus(what, unit, times, mine, other, target="", note="", per=None):
    """A `Row` of seconds, or of `per` divided by seconds, whose value is how many times faster `mine` is."""
    shown = [median(times[name]) if per is None else per / median(times[name]) for name in (mine, other)]
    return Row(f"{what}: {mine} / {other}", unit, ratio(times[other], times[mine]), target, note, *shown)


def ratio(a, b):
    """Median over repeats."""
    return median(x / y for x, y in zip(a, b, strict=True))


def interleaved(runs, repeats):
    """Call each of `runs` (name: function) `repeats` times, the order rotating; lists of results by name."""
    results = {name: [] for name in runs}
    for repeat in range(repeats):
        names = list(runs)
        for name in names[repeat % len(names) :] + names[: repeat % len(names)]:
            results[name].append(runs[name]())
    return results


def seconds(function, calls=1):
    """Seconds of one call."""
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - start) / calls


def train(config, data, **how):
    """Our `fit`, with the result that the peers' adapters give."""
    history = fit(config, data, **how).history
    losses = [row["reconstruction"] + config.beta * row["kl"] for row in history]
    return peers.Trained([row["seconds"] for row in history], losses, len(history) * (len(data) // config.batch_size))


def scaled(data):
    """The images as a network sees them."""
    images = torch.from_numpy(data.images)
    return Scaling.fit("asinh", images)(images)


def authors_network():
    """The authors' network, unguided, with the weights that `fit` starts from."""
    torch.manual_seed(0)
    return authors.AuthorsVAE(SHAPE, (), widths=authors.config().widths)


def throughput(quick, _):
    """Images a second of three trainers on one network, and of our defaults; what the penalties cost."""
    n, repeats = (256, 2) if quick else (2048, 7)
    data = FactorDataset(*galaxies.simulate(n, seed=0))
    images, default = scaled(data), Config(epochs=2)
    plain = authors.config(factors=(), beta=1.0, image_scaling="asinh", epochs=2)
    for batch in (64, 128, 256):
        config = Config(**vars(plain) | {"batch_size": batch})
        runs = {"ours": partial(train, config, data, model_class=authors.AuthorsVAE)}
        settings = (images, batch, config.epochs, config.lr, config.sigma)
        runs["pythae"] = lambda settings=settings: peers.train_pythae(authors_network(), *settings)
        runs["disent"] = lambda settings=settings: peers.train_disent(authors_network(), *settings)
        if batch == default.batch_size:
            runs["our defaults"] = partial(train, default, data)
            runs["penalties"] = partial(seconds, partial(penalties_default, *codes(batch)), 100)
        results = interleaved(runs, repeats)
        penalty = results.pop("penalties", None)
        if len({run.steps for trained in results.values() for run in trained}) > 1:
            raise RuntimeError(f"the trainers take different numbers of steps at batch {batch}")
        times = {name: [run.seconds[1] for run in trained] for name, trained in results.items()}
        what, unit = f"training, batch {batch}", "images/s"
        for name, help_needed in PEERS.items():
            losses = " / ".join(f"{results[one][-1].losses[-1]:.3g}" for one in ("ours", name))
            note = f"one network and objective, second epoch; nats per image {losses}; {help_needed}"
            yield versus(what, unit, times, "ours", name, ">= 0.95", note, n)
            if penalty:
                note = "five factors, all penalties, our network / beta-VAE, the authors' network"
                yield versus(what, unit, times, "our defaults", name, ">= 1.2", note, n)
        if penalty:
            step = [one * batch / n for one in times["our defaults"]]
            yield Row("penalties in a step of our defaults", "%", 100 * ratio(penalty, step), "<= 3")


def quality(quick, seeds):
    """Seconds until validation reaches `QUALITY`: our recipe's shortest run that does, and the authors' recipe."""
    n, choices, patience = (128, (1, 2), 3) if quick else (16384, (2, 3, 4, 5, 6, 8, 10), 25)
    for seed, threads in itertools.product(seeds, (1, 2)):
        rows, validation, _ = FactorDataset(*galaxies.simulate(n, seed)).split(seed)
        for epochs in choices:
            ours = run(Config(augment="shear", epochs=epochs, seed=seed, threads=threads), rows, validation)
            if ours["reached"]:
                break
        with tempfile.TemporaryDirectory() as folder:
            how = dict(model_class=authors.AuthorsVAE, terms=authors.terms, checkpoint=f"{folder}/run.safetensors")
            for epochs in itertools.count(2, 2):
                theirs = run(authors.config(epochs=epochs, seed=seed, threads=threads), rows, validation, **how)
                if theirs["reached"] or theirs["seconds"] > patience * ours["seconds"]:
                    break
        times = {"ours": [ours["seconds"]], "the authors' recipe": [theirs["seconds"]]}
        note = f"{ours['note']} / {theirs['note']}"
        row = versus(f"time to quality, {threads} thread(s), seed {seed}", "s", times, *times, ">= 8", note)
        yield row if ours["reached"] else row._replace(value=0.0)


def run(config, rows, validation, **how):
    """Whether validation reaches `QUALITY`, and seconds of scaling and training without checkpoints and scoring."""
    images = torch.from_numpy(rows.images)
    scaling = seconds(lambda: Scaling.fit(config.image_scaling, images)(images))
    model, history = fit(config, rows, **how)
    scores = evaluate(model, validation).scores
    reached = all(scores[name] >= bound for name, bound in QUALITY.items())
    note = f"{len(history)} epochs{'' if reached else ', not reached'}"
    note = ", ".join([note, *(f"{name} {scores[name]:.3f}" for name in QUALITY)])
    return {"reached": reached, "seconds": scaling + sum(row["seconds"] for row in history), "note": note}


def penalties(quick, _):
    """Our matrix products against the authors' eleven calls of `torch.corrcoef`."""
    repeats, calls = (2, 5) if quick else (7, 100)
    forms = {"ours": penalties_ours, "eleven corrcoef calls": penalties_eleven}
    runs = {name: partial(seconds, partial(form, *codes(128)), calls) for name, form in forms.items()}
    note = "128 rows, 10 latents, 5 factors; value and gradient, float32; the calls without the authors' loops"
    yield versus("penalties", "s", interleaved(runs, repeats), *forms, ">= 4", note)
    (value, slope), (value_eleven, slope_eleven) = (form(*codes(128, torch.float64)) for form in forms.values())
    yield Row("penalties: difference of value", "relative", float(abs(value / value_eleven - 1)), "<= 1e-10", "float64")
    worst = float((slope - slope_eleven).abs().max() / slope_eleven.abs().max())
    yield Row("penalties: difference of gradient", "relative", worst, "<= 1e-10", "float64")


def codes(rows, dtype=torch.float32):
    """Ten latents that lean on five factors, ready for a gradient, and the factors."""
    generator = torch.Generator().manual_seed(0)
    u, noise = (torch.randn(rows, columns, generator=generator, dtype=dtype) for columns in (5, 10))
    return (noise + torch.cat([u, u**2], dim=1)).requires_grad_(), u


def penalties_ours(z, u):
    """Value and gradient of the three penalties."""
    value = sum(regularizers.penalties(z, u))
    return value.detach(), torch.autograd.grad(value, z)[0]


def penalties_default(z, u):
    """Value and gradient of the penalties of `Config()`."""
    value = sum(training._penalties(Config(), z, u))
    return value.detach(), torch.autograd.grad(value, z)[0]


def penalties_eleven(z, u):
    """The same by one call for the guided latents, nine for pairs of powers, and one for products of factors."""

    def rho(a, b):
        return torch.corrcoef(torch.cat([a, b], dim=1).T)[: a.shape[1], a.shape[1] :]

    own, free, (i, k) = rho(z[:, :5], u), z[:, 5:], torch.triu_indices(5, 5, offset=1)
    powers = sum(rho(free**a, u**b).abs().sum() for a in (1, 2, 3) for b in (1, 2, 3))
    products = rho(free, u[:, i] * u[:, k]).abs().sum()
    diagonal = own.diagonal()
    value = (1 - diagonal).sum() + own.abs().sum() - diagonal.abs().sum() + (powers + products) / free.shape[1]
    return value.detach(), torch.autograd.grad(value, z)[0]


def renderer(quick, _):
    """Our renderer against GalSim at its defaults, and our error against GalSim at tight settings."""
    from galsim import GSParams

    n, repeats = (16, 2) if quick else (512, 7)
    factors, render = galaxies.sample(n, seed=0), torch.no_grad()(galaxies.render)
    runs = {"ours": partial(seconds, partial(render, factors)), "GalSim": partial(seconds, partial(galsim, factors))}
    times = interleaved(runs, repeats)
    yield versus("renderer", "galaxies/s", times, *runs, ">= 6", f"{n} galaxies, GalSim's defaults", n)
    tight = GSParams(folding_threshold=1e-5, maxk_threshold=1e-7, kvalue_accuracy=1e-9, maximum_fft_size=32768)
    truth = galsim(factors, tight)
    worst = (np.abs(render(factors)[:, 0].numpy() - truth).max((1, 2)) / truth.max((1, 2))).max()
    yield Row("renderer: largest difference", "of the peak", float(worst), "<= 2e-4", "from GalSim at tight settings")


def galsim(factors, gsparams=None):
    """GalSim's images, shape (n, 33, 33)."""
    from galsim import Convolve, Exponential, Gaussian

    images = np.empty((len(factors), *SHAPE[1:]))
    for image, (flux, radius, g1, g2, psf) in zip(images, factors, strict=True):
        disk = Exponential(scale_radius=radius, flux=flux, gsparams=gsparams).shear(g1=g1, g2=g2)
        blurred = Convolve(disk, Gaussian(fwhm=psf, gsparams=gsparams), gsparams=gsparams)
        image[:] = blurred.drawImage(nx=SHAPE[2], ny=SHAPE[1], scale=galaxies.PIXEL, dtype=float).array
    return images


def growth(quick, _):
    """Seconds per image of simulating and of an epoch, over numbers of images, each in a process of its own."""
    sizes, repeats = ((256, 512), 1) if quick else ((4096, 16384, 65536), 3)
    runs = {n: partial(fresh, f"import bench; print(bench.grow({n}))") for n in sizes}
    results = {n: [result for result, _ in one] for n, one in interleaved(runs, repeats).items()}
    for what in ("simulate", "an epoch"):
        each = {n: median(result[what] / n for result in results[n]) for n in sizes}
        note = "us per image: " + "; ".join(f"{n:,}: {1e6 * one:.0f}" for n, one in each.items())
        yield Row(f"{what}: slowest / fastest size", "ratio", max(each.values()) / min(each.values()), "<= 1.1", note)
    memory = {n: median(result["memory"] for result in results[n]) for n in sizes}
    note = "; ".join(f"{n:,}: {one:.0f}" for n, one in memory.items())
    yield Row("peak memory at the largest size", "MB", memory[sizes[-1]], "", note)


def grow(n):
    """Simulate n galaxies and train two epochs: seconds of both (the second epoch) and peak memory, as JSON."""
    import resource

    galaxies.simulate(2, seed=0)  # imports that happen at first use
    start = time.perf_counter()
    data = FactorDataset(*galaxies.simulate(n, seed=0))
    simulated = time.perf_counter() - start
    epoch = train(Config(epochs=2), data).seconds[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return json.dumps({"simulate": simulated, "an epoch": epoch, "memory": peak})


def fresh(code):
    """Run code in a process of its own: the JSON it prints last, and seconds from the process's start to that."""
    begin, end = "import logging; logging.disable(logging.WARNING)", "import time; print(time.monotonic())"
    start = time.monotonic()
    command = [sys.executable, "-W", "ignore", "-c", "\n".join([begin, code, end])]
    *_, result, stop = subprocess.run(
        command, cwd=HERE, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.splitlines()
    return json.loads(result), float(stop) - start


IMPORTS = {
    "ours": "import auxvae_lite.datasets, auxvae_lite.training",
    "pythae": "import pythae.models, pythae.pipelines, pythae.trainers",
    "disent": "import peers; peers.load_torchvision(); import lightning, disent.dataset, disent.frameworks.vae",
    "torch alone": "import torch",
}
OUR_FIT = """
import numpy
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.training import Config, fit
rows = numpy.load({path!r})
print(fit(Config(epochs=1), FactorDataset(rows["images"], rows["factors"])).history[0]["seconds"])
"""
PEERS_FIT = """
import numpy, torch, peers
images = torch.from_numpy(numpy.load({path!r})["scaled"])
print(peers.train_{name}(None, images, batch=128, epochs=1, lr=1e-3, sigma=0.015).seconds[0])
"""


def first(quick, _):
    """Seconds from a process's start to the end of the imports, and to the end of a first fit of one epoch."""
    n, repeats = (256, 1) if quick else (1024, 5)
    data = FactorDataset(*galaxies.simulate(n, seed=0))
    imports = interleaved({name: partial(fresh, f"{code}; print(0)") for name, code in IMPORTS.items()}, repeats)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/rows.npz"
        np.savez(path, images=data.images, factors=data.factors, scaled=scaled(data).numpy())
        fit_codes = {name: PEERS_FIT.format(path=path, name=name) for name in PEERS}
        fit_codes["ours"] = OUR_FIT.format(path=path)
        fits = interleaved({name: partial(fresh, code) for name, code in fit_codes.items()}, repeats)
    times = {name: [spent for _, spent in one] for name, one in imports.items()}
    for name in (*PEERS, "torch alone"):
        yield versus("import", "s", times, "ours", name, ">= 1" if name in PEERS else "", PEERS.get(name, ""))
    times = {name: [spent for _, spent in one] for name, one in fits.items()}
    for name in PEERS:
        epochs = " / ".join(f"{median(epoch for epoch, _ in fits[one]):.2f}" for one in ("ours", name))
        yield versus("first fit", "s", times, "ours", name, ">= 1", f"each its own network; of it the epoch {epochs}")


PARTS = {  # a part of a step: marks in the names of its operators, or of those around them
    "optimiser": ("Optimizer", "_foreach"),
    "convolution backward": ("ConvolutionBackward",),
    "convolution forward": ("aten::conv",),
    "linear": ("aten::linear", "Addmm"),
    "batch norm": ("batch_norm", "BatchNorm"),
    "activation": ("silu", "Silu"),
    "data": ("aten::index", "aten::randperm", "aten::tensor_split"),
}


def flops(quick, _):
    """The floating-point rate of training over that of a matrix product, and where training spends its time."""
    n, calls, repeats = (256, 2, 2) if quick else (2048, 20, 7)
    config, data, a = Config(epochs=2), FactorDataset(*galaxies.simulate(n, seed=0)), torch.randn(1024, 1024)
    one = flops_of_step(config)
    runs = {
        "training": lambda: train(config, data).seconds[1] / (n // config.batch_size) / one,
        "product": lambda: seconds(lambda: a @ a, calls) / (2 * 1024**3),
    }
    times = interleaved(runs, repeats)
    rates = [median(spent) ** -1 / 1e9 for spent in times.values()]
    share, note = 100 * ratio(times["product"], times["training"]), f"{one / config.batch_size:.3g} per image"
    yield Row("floating-point operations: our defaults / 1024 x 1024", "%; GFLOP/s", share, ">= 40", note, *rates)
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        spent = seconds(lambda: fit(Config(epochs=8), data))
    shares = dict.fromkeys([*PARTS, "loss and the rest"], 0.0)
    for event in recorded.events():
        shares[part(event)] += event.self_cpu_time_total / 1e4 / spent
    note = "; ".join(f"{name} {share:.1f}" for name, share in shares.items())
    yield Row("profile of our defaults: in operators", "% of a fit", sum(shares.values()), "", note)


def flops_of_step(config):
    """Floating-point operations of one step's convolutions and products, forward and backward."""
    model = AuxVAE(SHAPE, galaxies.NAMES, config.latent_dim, config.widths)
    x, u = torch.rand(config.batch_size, *SHAPE), torch.rand(config.batch_size, len(galaxies.NAMES))
    with FlopCounterMode(display=False) as counter:
        total(config, terms(config, model(x), x, u, prior_variance=1e-4), x[0].numel()).backward()
    return counter.get_total_flops()


def part(event):
    """The part of a step to which a profiled operator belongs."""
    names = []
    while event is not None:
        names.append(event.name)
        event = event.cpu_parent
    fitting = (name for name, marks in PARTS.items() if any(mark in one for one in names for mark in marks))
    return next(fitting, "loss and the rest")


def scores(quick, _):
    """Seconds of all scores of codes."""
    z, u = (a.detach().numpy() for a in codes(500 if quick else 10_000))
    spent = median(
        seconds(
            lambda: [
                score(z, u) for score in (metrics.correlations, metrics.lds, metrics.sap, metrics.mig, metrics.dci)
            ]
        )
        for _ in range(3)
    )
    yield Row("LDS, SAP, MIG, DCI and correlations", "s", spent, "<= 3", f"{len(z):,} rows, 10 codes, 5 factors")


SECTIONS = {one.__name__: one for one in (throughput, quality, penalties, renderer, growth, first, flops, scores)}


def table(result):
    """What `main` wrote, as text: the machine, and the rows in Markdown without their notes."""
    lines = ["| what | ours | other | ratio or value | target | met |", "|---" * 6 + "|"]
    for row in result["rows"]:
        numbers = ["" if row[name] is None else f"{row[name]:.4g}" for name in ("ours", "other", "value")]
        met = {True: "yes", False: "**no**", None: ""}[row["met"]]
        lines.append(f"| {' | '.join([row['what'] + ', ' + row['unit'], *numbers, row['target'], met])} |")
    commits = ", ".join(sorted({row["code"][:10] for row in result["rows"]}))
    head = f"{result['machine']}; commit {commits}{', at tiny sizes that mean nothing' if result['quick'] else ''}"
    return "\n".join([head, "", *lines])


def kept(path, head, sections):
    """Rows of other sections that a file holds, if it comes from this machine and these sizes."""
    held = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"rows": []}
    same = all(held.get(name) == value for name, value in head.items())
    return [row for row in held["rows"] if same and row["section"] not in sections]


def main():
    """Run the sections, write each row as it comes, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--section", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="tiny sizes; the numbers mean nothing")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the section quality")
    parser.add_argument("--out", type=Path, default=HERE / "bench.json")
    options = parser.parse_args()
    if min(options.seeds) < 0:
        parser.error(f"--seeds must be at least 0, got {min(options.seeds)}")
    try:
        files.check_writable(options.out)
        others = ", ".join(f"{name} {version(name)}" for name in ("pythae", "disent", "lightning", "GalSim"))
    except OSError as error:
        parser.error(str(error))
    except PackageNotFoundError as error:
        parser.error(f"no package {error.name} to measure against: run `make bench`, which installs it apart")

    os.environ |= {"CI": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # CI: no progress bars
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(HERE.parents[1] / "data_scripts"))
    from make_evidence import commit

    head = {"machine": f"{runs.machine()}; {others}", "quick": options.quick}
    result = head | {"rows": kept(options.out, head, options.section)}
    for name in options.section:
        for row in SECTIONS[name](options.quick, options.seeds):
            target = f" (target {row.target})" if row.target else ""
            print(f"{name}: {row.what}: {row.value:.4g}{target} {row.note}", flush=True)
            result["rows"].append({"section": name, "code": commit()} | row._asdict() | {"met": row.met})
            result["rows"].sort(key=lambda row: list(SECTIONS).index(row["section"]))
            files.write_text(options.out, json.dumps(result, indent=1) + "\n")
    print(f"\n{table(result)}")


if __name__ == "__main__":
    main()
