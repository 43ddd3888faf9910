r"""One run of an experiment: simulate images, train one method once, score it on images that nothing has seen.

A *task* is a dictionary that JSON can hold and that decides everything: method, configuration with its seed, data,
and the groups of scores. `sweep.run(runs.run, tasks, folder)` runs many;
`data_scripts/make_evidence.py` lists them.
"""

import platform
import time
from dataclasses import asdict, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from .. import metrics, sensitivity, training
from ..datasets import FactorDataset
from ..divergences import kl_diag_normal
from ..models import AuxVAE
from ..priors import targeted_prior
from ..scalings import Scaling
from ..simulators import galaxies
from . import authors, baselines, choice, critics, gaps, sets, sweep, unlike

__all__ = ["METHODS", "TEST_SEED", "machine", "mended", "run", "score", "set_task", "task", "unlike_task"]

SIZE = 16384
MOMENT_OF = {"flux": "flux", "radius": "size", "g1": "g1", "g2": "g2"}  # psf has none of its own
LATENTS = 10  # rows of every traversal, 0 for latents that a model lacks
TEST_SEED = 1_000_000
METHODS = {  # name: model class and terms; a VAE and a beta-VAE are "auxvae" with factors=()
    "auxvae": (AuxVAE, training.terms),
    "idvae": (baselines.IDVAE, baselines.idvae_terms),
    "supervised": (baselines.Supervised, baselines.supervised_terms),
    "authors": (authors.AuthorsVAE, authors.terms),
    "authors' network": (authors.AuthorsVAE, training.terms),
    "log10": (authors.SigmoidVAE, authors.log10_terms),
    "sampled": (AuxVAE, authors.sampled_terms),
    "mine": (critics.CriticVAE, critics.mine_terms),
    "ratio": (critics.CriticVAE, critics.ratio_terms),
    "pairs": (AuxVAE, choice.pairwise_terms),
    "plain": (AuxVAE, gaps.plain_terms),
    "wide": (AuxVAE, gaps.wide_terms),
}


def task(config, method="auxvae", n=None, constant_noise=False, groups=(), size=SIZE, test_seed=TEST_SEED, rows="test",
         labels=None):  # fmt: skip
    """A task for `run` on galaxies.

    Arguments:
        config: `training.Config`; its seed decides the galaxies, too.
        method: One of `METHODS`.
        n: Number of training images to keep, at least 2; the epochs grow so that the number of steps stays. None keeps
            all.
        constant_noise: Give all training images the same noise stream, as the authors' code does.
        groups: Scores beyond those of `score`: "traversal", "drops". None asks for `training.evaluate`'s alone, and
            "generate" for them and `mended`'s, "labels" for them and those of `gaps.true_scores`.
        size: Galaxies to split into training, validation and the rest; and, with `test_seed`, to score on.
        test_seed: Seed of the galaxies that are scored.
        rows: "test" scores those; "validation", for choosing, the rows that `split` keeps for it.
        labels: What training and validation rows tell, or None for all: arguments of `gaps.hide` or `gaps.blur` but
            the seed, and "drop": True to train on the rows that tell alone.

    Raises:
        ValueError: for an unknown method, or other rows.
    """
    if rows not in ("test", "validation"):
        raise ValueError(f'rows must be "test" or "validation", got {rows!r}')
    if method not in METHODS:
        raise ValueError(f"no method {method!r}; choose one of {', '.join(METHODS)}")
    data = {"size": size, "test_seed": test_seed, "n": n, "constant_noise": constant_noise}
    data |= {} if rows == "test" else {"rows": rows}  # a task's name is made of what it says
    data |= {} if labels is None else {"labels": labels}
    return {
        "method": method,
        "config": asdict(config),
        "data": data,
        "groups": groups if groups is None or isinstance(groups, str) else list(groups),
    }


def set_task(config, name, size, method="auxvae"):
    """A task for `run` on one of `sets.SETS`.

    Arguments:
        config, method: As in `task`; the config's seed decides the rows, too.
        name: Of the set.
        size: Sprites or cars to draw, to be split into training, validation and test rows.

    Raises:
        ValueError: for an unknown set or method.
    """
    for label, value, known in (("set", name, sets.SETS), ("method", method, METHODS)):
        if value not in known:
            raise ValueError(f"no {label} {value!r}; choose one of {', '.join(known)}")
    return {"method": method, "config": asdict(config), "data": {"set": name, "size": size}, "groups": None}


def unlike_task(name, seed):
    """A task for `run` on one of `unlike.SETS`, whose settings are suggested by the data.

    Raises:
        ValueError: for an unknown set.
    """
    if name not in unlike.SETS:
        raise ValueError(f"no set {name!r}; choose one of {', '.join(unlike.SETS)}")
    config = asdict(training.Config(seed=seed))
    return {
        "method": "auxvae",
        "config": config,
        "data": {"unlike": name, "size": unlike.SETS[name][0]},
        "groups": None,
    }


def run(task, device="cpu", checkpoints=None, code="unknown"):
    """Do one task.

    Arguments:
        task: What `task`, `set_task` or `unlike_task` returns, or JSON's copy of it.
        device: As in `training.fit`; it decides rounding alone.
        checkpoints: Folder in which runs with a constant learning rate leave a checkpoint, from which the same run
            with more epochs goes on; None for none.
        code: Commit, to be kept with the result.

    Returns:
        Dictionary: scores and their reference, numbers of rows before `n`, threads, seconds, machine, code.

    Raises:
        ValueError: if there are fewer training images than `n`, and as `training.fit` does.
    """
    config, data = training.Config(**task["config"]), task["data"]
    torch.set_num_threads(config.threads)
    torch.backends.cudnn.allow_tf32 = False  # float32 is meant
    clock = [time.perf_counter()]
    if "unlike" in data:
        return unlike.run(data["unlike"], config.seed) | {"threads": config.threads, "machine": machine(), "code": code}
    if "set" in data:
        train, validation, test, _ = parts = sets.rows(data["set"], data["size"], config.seed)
        n = {"train": len(train), "validation": len(validation), "test": len(test)}
    else:
        train, validation, _ = _galaxies(data["size"], config.seed, data["constant_noise"]).split(config.seed)
        n = {"train": len(train), "validation": len(validation), "test": data["size"]}
    if data.get("labels") is not None:
        train, validation = (_labelled(part, config.seed + place, **data["labels"])
                             for place, part in enumerate((train, validation)))  # fmt: skip
        config = _as_many_steps(config, n["train"], len(train))
    if data.get("n") is not None:
        if not 2 <= data["n"] <= len(train):
            raise ValueError(f"n must be from 2 to the {len(train)} training images that there are, got {data['n']}")
        config = _as_many_steps(config, len(train), data["n"])
        train = train.rows(slice(0, data["n"]))
    clock.append(time.perf_counter())
    model_class, terms = METHODS[task["method"]]
    checkpoint = None
    if checkpoints is not None and config.schedule == "constant":
        checkpoint = Path(checkpoints) / f"{sweep.key(_without_epochs(task))}.safetensors"
    model, _ = training.fit(config, train, model_class=model_class, terms=terms, checkpoint=checkpoint, device=device)
    clock.append(time.perf_counter())
    if "set" in data:
        scores, reference = sets.score(model, parts, sets.SETS[data["set"]].groups)
    else:
        test = validation if data.get("rows") == "validation" else _galaxies(data["size"], data["test_seed"])
        if task["groups"] is None:
            scores, reference = training.evaluate(model, test, galaxies.render)
        elif task["groups"] == "generate":
            scores, reference = mended(model, test)
        elif task["groups"] == "labels":
            scores, reference = training.evaluate(model, test)
            scores |= gaps.true_scores(model, validation, test)
        else:
            scores, reference = score(model, train, validation, test, task["groups"])
    clock.append(time.perf_counter())
    seconds = dict(zip(("data", "train", "evaluate"), (round(b - a, 2) for a, b in pairwise(clock)), strict=True))
    place = machine() if device == "cpu" else f"{torch.cuda.get_device_name()} and {machine()}"
    found = {"scores": scores, "reference": reference}
    return found | {"n": n, "threads": config.threads, "seconds": seconds, "machine": place, "code": code}


def _as_many_steps(config, rows, kept):
    """The same number of steps on fewer rows."""
    steps = [max(1, count // config.batch_size) for count in (rows, kept)]  # an epoch's
    return replace(config, epochs=round(config.epochs * steps[0] / steps[1]))


def _labelled(part, seed, drop=False, **how):
    """A part of the data with labels missing or noisy."""
    part = gaps.blur(part, seed=seed, **how) if "error" in how else gaps.hide(part, seed=seed, **how)
    return part.rows(~np.isnan(part.factors).any(1)) if drop else part


def _without_epochs(task):
    config = {name: value for name, value in task["config"].items() if name != "epochs"}
    return {"method": task["method"], "config": config, "data": task["data"]}


@lru_cache(maxsize=6)
def _galaxies(size, seed, constant_noise=False):
    return FactorDataset(*galaxies.simulate(size, seed, constant_noise))


def mended(model, test):
    """Scores of chapter 14: does the model make what it is asked for, and do free latents leave the factors alone?

    Arguments:
        model: An `AuxVAE` that is told some of the galaxies' factors.
        test: A `FactorDataset` of galaxies.

    Returns:
        As `training.evaluate` does, and in the scores also

        - `generate_mean_ssim`: of `generate(u, free="mean")`, the free latents in their middle; its reference has the
          ceiling, the simulator with the factors that are not told in theirs;
        - `generate_zero_ssim`: the same with 0 as the middle, where the model keeps another one;
        - `light_WHERE_SHARE`, WHERE being sample, mean or zero: the 5th, 50th and 95th of a hundred parts of generated
          over true counts;
        - `moves_NAME`: the most that a free latent's traversal moves a told factor's moment, in that moment's sd;
        - `lds_live`, normalised LDS of ranks without the free latents that are dead (`training.live_latents`);
        - `nats_R`, `nats_aux`, `nats_free`: nats an image, R of decoded samples and the KL of guided and free latents.
    """
    scores, reference = training.evaluate(model, test, galaxies.render)
    asked, true, kept = test.columns(model.factors), test.clean.sum((1, 2, 3)), model.free_mean
    for where in ("zero", "sample", "mean"):
        model.free_mean = () if where == "zero" else kept
        free = "sample" if where == "sample" else "mean"
        images = model.generate(asked, torch.Generator().manual_seed(0), free=free).numpy()
        shares = np.quantile(images.sum((1, 2, 3)) / true, (0.05, 0.5, 0.95))
        scores |= {f"light_{where}_{name}": float(share) for name, share in zip((5, 50, 95), shares, strict=True)}
        if where != "sample":
            scores[f"generate_{where}_ssim"] = float(metrics.ssim(test.clean, images).mean())
    middle = np.median(test.factors, axis=0) * np.ones_like(test.factors)
    middle[:, [test.names.index(name) for name in model.factors]] = asked
    ceiling = metrics.ssim(test.clean, galaxies.render(middle).numpy()).mean()
    reference["generate_mean_ssim"] = {"ceiling": float(ceiling)}
    moved = sensitivity.traversal(model, test).matrix[model.guided_dim :]
    for name in set(MOMENT_OF) & set(model.factors):
        found = moved[:, sensitivity.MOMENTS.index(MOMENT_OF[name])]
        scores[f"moves_{name}"] = float(np.nanmax(found, initial=0))
    posterior = model.encode(test.images)
    live = training.live_latents(posterior).numpy() | (np.arange(model.latent_dim) < model.guided_dim)
    scores["lds_live"] = metrics.lds_ranks(posterior.mu.numpy()[:, live], test.factors).normalised
    return training.Evaluation(scores | _nats(model, posterior, test), reference)


def _nats(model, posterior, test):
    """What a reconstruction costs, in the units of the loss before weights."""
    config, K = training.Config(**model.provenance["config"]), model.guided_dim
    u = model.factor_scaling(torch.from_numpy(test.columns(model.factors))).float()
    prior = targeted_prior(u, model.latent_dim, model.provenance["prior_variance"])
    kl = kl_diag_normal(*posterior, *prior).mean(0)
    images = model.decode(posterior.sample(torch.Generator().manual_seed(0)))
    x_hat, x = model.image_scaling(images), model.image_scaling(torch.from_numpy(test.images))
    R = training.reconstruction(config, x_hat, x)
    return {"nats_R": float(R), "nats_aux": float(kl[:K].sum()), "nats_free": float(kl[K:].sum())}


def score(model, train, validation, test, groups=()):
    r"""Every score of a run.

    Arguments:
        model: An `AuxVAE` or a subclass.
        train, validation, test: `FactorDataset`s. Readouts learn from `train`; `test` gives every score but
            `lds_authors` and those whose names begin with `validation_`, which are for choosing.
        groups: As in `task`.

    Returns:
        Two dictionaries, of scores and of what to read them against. Beside those that `training.evaluate` explains:

        - `mse`: mean squared error per pixel, in asinh-scaled units (fitted on `train`) whatever the model's are;
          `product` = mse (1 - LDS), the paper's criterion; both for validation rows, too;
        - `lds3`: LDS of the authors' three factors (flux, radius, g1); `lds_authors`: the same as their script has it,
          with sampled codes, on at most 10,000 training images; `lds_ranks`: of the ranks of codes and factors;
        - `lds_readout`: LDS of the five factors that a linear regression, fitted on `train`, reads from all latents;
        - `mig`, `dci_d`, `dci_c`, `dci_i`, `best_NAME` = max_j \|rho(z_j, u_NAME)\|;
        - `linear_NAME`, `others_linear_NAME`, `others_neighbours_NAME`: R^2 of a factor read from all latents, and
          from those left when each guided factor's own latent (or, without guidance, each factor's best) is set aside;
        - for "traversal": `move_j_NAME`, row j of `sensitivity.traversal`, and its separation, `move_d` and `move_c`;
          for "drops": what `sensitivity.drops` returns.
    """
    names, scaling = test.names, Scaling.fit("asinh", train.images)
    scores = {}
    for prefix, data in (("validation_", validation), ("", test)):  # what the second leaves is used below
        z, x_hat = _codes(model, data)
        every = metrics.lds(z, data.factors)
        mse = float(((scaling(torch.from_numpy(data.images)) - scaling(x_hat)) ** 2).mean())
        scores |= {f"{prefix}mse": mse, f"{prefix}product": mse * (1 - every.value), f"{prefix}lds": every.value}
    scores |= metrics.ssim_scores(test.images, x_hat.numpy(), test.clean)
    reference = metrics.ssim_reference(test.images, test.clean)
    three = [names.index(name) for name in ("flux", "radius", "g1")]
    for name, found in (
        ("lds", every),
        ("lds3", metrics.lds(z, test.factors[:, three])),
        ("lds_ranks", metrics.lds_ranks(z, test.factors)),
    ):
        scores |= {name: found.value, f"{name}_normalised": found.normalised}
        reference[name] = {"floor": found.floor, "ceiling": found.ceiling, "live": found.live, "n": found.n}
    scores["lds_authors"] = _lds_authors(model, train)
    rng = np.random.default_rng(0)
    answers = {
        "floor": rng.permutation(z),
        "ceiling": np.hstack([test.factors, rng.standard_normal((len(z), max(z.shape[1] - len(names), 0)))]),
    }
    scores |= _gaps(z, test.factors)
    rows = {answer: _gaps(codes, test.factors) for answer, codes in answers.items()}
    reference |= {name: {answer: rows[answer][name] for answer in rows} for name in rows["floor"]}
    scores |= _readouts(model, z, train, test)
    if "traversal" in groups:
        scores |= _traversal(model, test)
    if "drops" in groups:
        scores |= sensitivity.drops(model, test)
    return scores, reference


def _codes(model, data):
    mu = model.encode(data.images).mu
    return mu.numpy(), model.decode(mu)


def _gaps(z, u):
    d, c, i = metrics.dci(z, u)
    return {"sap_r2": metrics.sap(z, u), "mig": metrics.mig(z, u), "dci_d": d, "dci_c": c, "dci_i": i}


def _lds_authors(model, train):
    rows = train.rows(slice(0, 10_000))
    z = model.encode(rows.images).sample(torch.Generator().manual_seed(0))
    return authors.lds(z.numpy(), rows.factors).value


def _readouts(model, z, train, test):
    from sklearn.linear_model import LinearRegression  # slow to import

    z_train = model.encode(train.images).mu.numpy()
    rho = np.abs(metrics.correlations(z, test.factors))
    K = model.guided_dim
    guided = K > 0 and model.guided
    own = np.arange(K) if guided else linear_sum_assignment(-rho)[0]
    others = np.setdiff1d(np.arange(z.shape[1]), own)
    read = LinearRegression().fit(z_train, train.factors).predict(z)
    every = metrics.lds(read, test.factors)
    scores = {"lds_readout": every.value, "lds_readout_normalised": every.normalised}
    found = {"best": rho.max(0)}
    for label, kind, columns in (
        ("linear", "linear", np.arange(z.shape[1])),
        ("others_linear", "linear", others),
        ("others_neighbours", "neighbours", others),
    ):
        found[label] = (
            sensitivity.readout(z_train[:, columns], train.factors, z[:, columns], test.factors, kind)
            if len(columns)
            else np.zeros(len(test.names))
        )
    return scores | {
        f"{label}_{name}": float(v) for label, row in found.items() for name, v in zip(test.names, row, strict=True)
    }


def _traversal(model, test):
    found = sensitivity.traversal(model, test)
    matrix = np.zeros((LATENTS, len(sensitivity.MOMENTS)))
    matrix[: len(found.matrix)] = np.nan_to_num(found.matrix)
    scores = {
        f"move_{j}_{name}": float(v)
        for j, row in enumerate(matrix)
        for name, v in zip(sensitivity.MOMENTS, row, strict=True)
    }
    parted = sensitivity.separation(matrix, LATENTS)
    return scores | {"move_d": parted.disentanglement, "move_c": parted.completeness, "move_failures": found.failures}


def machine():
    """This machine in words."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8").splitlines()
        names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
        processor = f"{names[0]}, {len(names)} cores" if names else processor
    return f"{processor}, Python {platform.python_version()}, torch {torch.__version__}"
