r"""Training: the one place where the terms of the loss are added.

.. math:: L = \frac{R + \beta\,(\mathrm{KL}_\mathrm{aux} + \beta_\mathrm{free} \mathrm{KL}_\mathrm{recon})}{P}
          + \lambda_1\,(\text{explicitness} + \text{intra}) + \lambda_2\,\text{inter}

with the reconstruction term R and the KL averaged over the batch, and P the number of pixels (chapter 6). The paper's
objective has beta_free = 1 and powers in inter: `Config.paper()`. Chapter 14 says why ours has not.
"""

import functools
import inspect
import math
import os
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import trange

from . import checkpoints, factors, files, labels, metrics, regularizers, sensitivity
from .arrays import constant, listed, take, take_images
from .cautions import warn
from .datasets import AUGMENTATIONS, FactorDataset
from .dependence import ROWS, distance_correlation, hsic, wrap
from .divergences import kl_diag_normal, kl_partial
from .models import LIKELIHOODS, AuxVAE
from .priors import targeted_prior
from .regularizers import READINGS, penalties
from .scalings import KINDS, STRAIGHT, Scaling

__all__ = [
    "Activity",
    "Config",
    "Evaluation",
    "Fit",
    "Terms",
    "evaluate",
    "fit",
    "latent_activity",
    "live_latents",
    "measure",
    "reconstruction",
    "terms",
    "total",
]

WHOLE = {"latent_dim": 1, "degree": 1, "epochs": 1, "batch_size": 2, "seed": 0, "threads": 1}  # and the least of each
MOST = {"seed": (2**32 - 3) // 3}  # three are made from one, and torch looks at 32 bits of each; of others:
LARGEST = 2**31 - 1
POSITIVE = ("sigma", "lr", "clip", "prior_variance")
WEIGHTS = ("beta", "beta_free", "lambda_1", "lambda_2")
BY_DISTANCES = {"distance": distance_correlation, "hsic": hsic}
DEPENDENCES = (None, *READINGS, "wrapped", *BY_DISTANCES)
PAPER = {"decoder_bias": False, "beta_free": 1.0, "dependence": None, "lambda_2": 0.6}
NARROW = 0.05  # of the scaled range: pixels that span less are hardly seen by the loss
FEW = 32  # told rows of a batch, or a quarter of a small one, below which their correlations are chance
LEAST_SQUARE = 1e-12  # of learned noise, in scaled units: float32 holds no smaller residual of pixels near 1
ALIKE = 0.99  # |rho| of two factors, above which they say the same
LIVE = 0.01  # share of a free latent's spread that images decide, above which it is live
FAINT = 0.01  # of asinh's softening, below which it is a straight line, and of the widest channel's range
BUILDING = threading.Lock()  # the first weights come from torch's one global generator
RUNNING = []  # its state when each running `fit` began


@dataclass(frozen=True)
class Config:
    """Everything that decides a run, each default with its reason.

    Raises:
        ValueError: for a value that cannot work, naming it.
    """

    factors: tuple | None = None  # names; None means all that the data have
    latent_dim: int = 10  # the paper's d_Z
    widths: tuple = (16, 32, 64, 128)  # half the authors', and a decoder of half that: enough for 33x33 pixels
    likelihood: str = "gaussian"  # of pixels; or "bernoulli", for those that are 0 or 1
    sigma: float | None = 0.015  # gaussian pixel noise in scaled units; smaller favours reconstruction; None learns it
    decoder_bias: bool = (
        True  # a constant for each place in the decoder's first layer: `generate` needs it (chapter 14)
    )
    beta: float = 1.0  # the ELBO
    beta_free: float = 64.0  # times beta: on the free latents' KL, where some are guided, so that a copy does not pay
    lambda_1: float = 0.1  # the authors' .5 costs psf .006 and gains nothing (chapter 6)
    lambda_2: float = 1.0  # chosen with beta_free and dependence, by a rule (chapter 14)
    degree: int = 3  # of inter, as in the authors' code; explicitness and intra stay at 1
    reading: str = "powers"  # the authors' code
    dependence: str | None = "distance"  # what inter measures; None means powers of the means, as `reading` says
    prior_variance: float | None = None  # None means 1/n_train, Eq. 3
    epochs: int = 22  # what a minute and a quarter on one core allows for 11,468 galaxies
    batch_size: int = 128
    lr: float = 6e-3  # peak of the one-cycle schedule
    schedule: str = "one-cycle"  # or "constant"
    clip: float | None = 1.0  # largest norm of the gradient, since 1/n pulls hard at first; None for no limit
    seed: int = 0
    image_scaling: str = "asinh"  # keeps faint wings and bright cores in one range
    softening: float | tuple = 20.0  # of asinh, in the images' unit; one for each channel scales each by itself
    factor_scaling: str = "standard"
    told_share: float = 0.5  # of a batch's rows, that tell each factor, where it is not told in all (chapter 12)
    augment: str = "none"
    precision: str = "float32"  # "bfloat16" pays only where the processor has it: time it first
    threads: int = 1
    keep: str = "last"  # or "best", the weights of the epoch with the lowest validation loss

    @classmethod
    def paper(cls, **changes):
        """The paper's own objective, Eqs. 3, 4 and 6-9, with our network and schedule.

        Arguments:
            changes: Fields to set otherwise, such as `epochs`.

        References:
            arXiv 2507.00298; chapter 14 says what `Config()` does differently, and why.
        """
        return cls(**PAPER | changes)

    def __post_init__(self):
        names = listed("factors", self.factors)
        object.__setattr__(self, "factors", None if names is None else tuple(names))
        if isinstance(self.widths, str | set) or not isinstance(self.widths, Iterable):
            raise ValueError(f"widths must be a list of the encoder's channels, got {self.widths!r}")
        if self.factors is not None and len(set(self.factors)) < len(self.factors):
            raise ValueError(f"factors must differ, got {', '.join(self.factors)}")
        for name, least in WHOLE.items():
            object.__setattr__(self, name, _whole(name, getattr(self, name), least))
        object.__setattr__(self, "widths", tuple(_whole("each of widths", width, 2) for width in self.widths))
        for name in POSITIVE + WEIGHTS:
            value = getattr(self, name)
            if value is None and name in ("sigma", "clip", "prior_variance"):
                continue
            if isinstance(value, np.generic):  # which no file can hold
                object.__setattr__(self, name, value := value.item())
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise ValueError(f"{name} must be a finite number, got {value!r}")
            if value < 0 or value == 0 and name in POSITIVE:
                raise ValueError(f"{name} must be {'above' if name in POSITIVE else 'at least'} 0, got {value}")
        object.__setattr__(self, "told_share", float(self.told_share))
        if not 0 <= self.told_share < 1:
            raise ValueError(f"told_share must be a share, from 0 to below 1, got {self.told_share}")
        several = np.ndim(self.softening) > 0
        softening = tuple(map(float, self.softening)) if several else float(self.softening)
        if not all(0 < value < math.inf for value in (softening if several else (softening,))):
            raise ValueError(f"softening must be a number above 0, or one for each channel; got {self.softening!r}")
        object.__setattr__(self, "softening", softening)
        for name, choices in (
            ("likelihood", LIKELIHOODS),
            ("schedule", ("one-cycle", "constant")),
            ("augment", tuple(AUGMENTATIONS)),
            ("precision", ("float32", "bfloat16")),
            ("reading", READINGS),
            ("dependence", DEPENDENCES),
            ("decoder_bias", (False, True)),
            ("image_scaling", KINDS),
            ("factor_scaling", KINDS),
            ("keep", ("last", "best")),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}; got {getattr(self, name)!r}")
        object.__setattr__(self, "decoder_bias", bool(self.decoder_bias))  # NumPy's is none for JSON


def _whole(name, value, least):
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    if value < least:
        reasons = {"batch_size": ": one row has no correlation", "each of widths": ": the decoder has half of it"}
        why = reasons.get(name, "")
        raise ValueError(f"{name} must be at least {least}, got {value}{why}")
    if value > (most := MOST.get(name, LARGEST)):
        raise ValueError(f"{name} must be at most {most}, got {value}")
    return int(value)  # NumPy's integers are none for JSON


class Terms(NamedTuple):
    """The loss's terms before weighting: R and KL in nats per image, the penalties as sums of correlations.

    `kl_free` is the part of `kl` that the free latents have, where others are guided; 0 where none is.
    """

    reconstruction: Tensor
    kl: Tensor
    explicitness: Tensor
    intra: Tensor
    inter: Tensor
    kl_free: Tensor | float = 0.0


class Fit(NamedTuple):
    """A trained model, in evaluation mode, and its history: one dictionary per epoch."""

    model: AuxVAE
    history: list


def reconstruction(config, x_hat, x):
    r"""R, minus the logarithm of the pixels' likelihood up to a constant.

    .. math:: R = \frac{1}{2\sigma^2}\sum_{\text{pixels}} (x - \hat x)^2
              \quad\text{or}\quad
              R = -\sum_{\text{pixels}} x \log p + (1 - x) \log(1 - p),
              \qquad p = \frac{1}{1 + e^{-\hat x}}

    With `sigma` None, sigma is learned: each batch has the best one, sigma^2 = m,
    the mean square of its residuals (5.8). With the constant that depends on it,

    .. math:: R = \frac{P}{2} (1 + \ln m)

    Arguments:
        config: `Config`; "gaussian" or "bernoulli", and sigma for the first.
        x_hat: The decoder's output, shape (B, C, H, W): scaled pixels, or for
            "bernoulli" their logits.
        x: Scaled images, shape of `x_hat`; for "bernoulli" in [0, 1], which `fit`
            sees to.

    Returns:
        Scalar, in nats per image, averaged over the batch.

    References:
        Chapter 6; chapter 11 for "bernoulli"; Rybkin, Daniilidis and Levine 2021 for a
        sigma that is learned.
    """
    if config.likelihood == "bernoulli":
        cross_entropy = nn.functional.binary_cross_entropy_with_logits
        entropy = cross_entropy(x_hat, x, reduction="none")
        return entropy.flatten(1).sum(1).mean()
    squares = (x_hat - x) ** 2
    if config.sigma is None:
        mean = squares.mean().clamp(min=LEAST_SQUARE)
        return x[0].numel() / 2 * (1 + mean.log())
    return squares.flatten(1).sum(1).mean() / (2 * config.sigma**2)


def terms(config, output, x, u, prior_variance, known=None):
    r"""The five terms of one batch.

    Arguments:
        config: `Config`.
        output: The model's `Output` for `x`.
        x: Scaled images, shape (B, C, H, W).
        u: Scaled factors, shape (B, G).
        prior_variance: Variance of z_aux's prior.
        known: `priors.Knowledge` of the rows, or None where each column is a factor of
            its own, told and exact.

    Returns:
        `Terms` of scalars, averaged over the batch.
    """
    mu, logvar = output.posterior
    R, G = reconstruction(config, output.x_hat, x), u.shape[1]
    if known is None:
        kl = kl_diag_normal(mu, logvar, *targeted_prior(u, mu.shape[1], prior_variance))
        penalised = _penalties(config, mu, u)
    else:
        kl = kl_partial(mu, logvar, u, known, prior_variance)
        penalised = _told_penalties(config, mu, u, known.weight > 0, known.owners)
    kl_free = kl[:, G:].sum(1).mean() if G else 0.0
    return Terms(R, kl.sum(1).mean(), *penalised, kl_free)


def _penalties(config, mu, u, owners=None):
    """Explicitness and intra of the guided means; inter of the free latents, as `config.dependence` measures it."""
    G = u.shape[1]
    if config.dependence == "wrapped":
        return penalties(torch.cat([mu[:, :G], wrap(mu[:, G:])], dim=1), u, config.degree, config.reading, owners)
    if config.dependence is None or not 0 < G < mu.shape[1]:
        return penalties(mu, u, config.degree, config.reading, owners)
    explicit, intra, inter = penalties(mu[:, :G], u, config.degree, config.reading, owners)
    if config.dependence in READINGS:
        return explicit, intra, regularizers.inter(mu[:, G:], u, config.degree, config.dependence)
    if len(u) > 3:
        inter = BY_DISTANCES[config.dependence](mu[:ROWS, G:], u[:ROWS]).sum()
    return explicit, intra, inter


def _told_penalties(config, mu, u, told, owners):
    """`_penalties` of rows that are told: of factors told in the same rows together, by their share of the batch."""
    G = u.shape[1]
    if told.all():
        return _penalties(config, mu, u, owners)
    owner = torch.tensor(owners or range(G), device=u.device)
    patterns, which = torch.unique(told.T, dim=0, return_inverse=True)
    sums = [mu.new_zeros(())] * 3
    for pattern, rows in enumerate(patterns):
        if rows.sum() < min(FEW, len(rows) / 4):
            continue
        columns = torch.nonzero(which == pattern).flatten()
        asked, given = u[rows][:, columns], rows.float().mean()
        rho = regularizers.dependence(mu[rows][:, :G], asked, config.reading)
        explicit = (1 - rho[columns].diagonal()).sum()
        intra = rho.abs()[owner[:, None] != owner[columns]].sum()
        inter = _penalties(config, torch.cat([mu[rows][:, columns], mu[rows][:, G:]], dim=1), asked)[2]
        if config.dependence in BY_DISTANCES:  # one number of all its factors, and no sum over them
            inter = inter * len(columns) / G
        found = explicit, intra, inter
        sums = [total + given * value for total, value in zip(sums, found, strict=True)]
    return sums


def total(config, parts, pixels):
    """The loss of `Terms`: the equation at the head of this module, with `pixels` = P."""
    kl = parts.kl + (config.beta_free - 1) * parts.kl_free
    elbo = (parts.reconstruction + config.beta * kl) / pixels
    guided = parts.explicitness + parts.intra
    return elbo + config.lambda_1 * guided + config.lambda_2 * parts.inter


def fit(config, data, validation=None, model_class=AuxVAE, terms=terms, checkpoint=None, device="cpu", *,
        progress=None):  # fmt: skip
    """Train a model.

    What the caller has set of torch (default dtype and device, gradient mode, autocast, random state, threads) neither
    changes the result nor is changed by it, also when several `fit`s run in threads. Only a `model_class` or `terms`
    that draws from torch's global generator while it trains, such as dropout, shares that with other threads.

    Arguments:
        config: `Config`.
        data: Training rows, a `FactorDataset`; the scalings are fitted on them.
        validation: Rows on which the same terms are measured after each epoch, or None.
        model_class: `AuxVAE` or a subclass.
        terms: The function that makes the `Terms` of a batch; with a checkpoint, one that has a name of its own. Where
            factors have errors or are not told, it needs the argument `known`, as ours has.
        checkpoint: File to write after each epoch; if it exists, training goes on from it, also after Ctrl-C, which
            loses everything without it. It can be read with `AuxVAE.load`. With a constant schedule, `epochs` may have
            grown since.
        device: Where to train, such as "cuda" or "mps". Batches and noise are the CPU's for the same seed; rounding is
            not.
        progress: Whether to show a bar on stderr; None shows it unless the environment has CI.

    Returns:
        `Fit`, its model on the CPU. The same seed on the same machine's CPU gives the same history, bit for bit,
        interrupted or not.

    Raises:
        ValueError: for a factor that the data lack, or of which no two told values differ, fewer latents than factors
            need, fewer than two training rows, symmetries that the images do not have, validation rows of another shape
            or without the factors, a checkpoint that is damaged or belongs to another configuration or other data, or,
            with a checkpoint, `terms` without a name.
        OSError: if the checkpoint could not be written, before the first epoch.
        FloatingPointError: when a term stops being finite, naming epoch, batch and term; the checkpoint stays as it
            was after the last whole epoch.

    Warns where pixels span little of the scaled range, or one channel little of another's, and where two factors say
    the same (`AuxVAEWarning`). `describe.describe` looks further.
    """
    if not isinstance(config, Config):
        raise ValueError(f"config must be a Config, got {type(config).__name__}: write Config(epochs=10)")
    _check_data("training", data)
    if validation is not None:
        _check_data("validation", validation)
    names = data.names if config.factors is None else config.factors
    _check_trainable(config, data, validation, names)
    if checkpoint is not None:
        files.check_writable(checkpoint)
    identity = None if checkpoint is None else _identity(config, data, validation, model_class, terms)
    with _own_settings(config.threads), _random_state():
        return _fit(config, data, validation, model_class, terms, names, checkpoint, identity, device, progress)


def _fit(config, data, validation, model_class, terms, names, checkpoint, identity, device, progress):
    prior_variance = config.prior_variance or 1 / len(data)
    image_scaling = Scaling.fit(config.image_scaling, data.images, softening=config.softening)
    kinds = data.kinds_like(names)
    owners = factors.owners(kinds)
    columns = factors.expand(torch.from_numpy(data.columns(names)), kinds)
    factor_scaling = Scaling.fit(config.factor_scaling, columns, dim=0, groups=owners) if names else Scaling("minmax")
    x, u = _scaled(image_scaling, data, device), torch.from_numpy(data.columns(names))
    _check_pixels(config, x)
    _look_at_pixels(config, data.images, x)
    _look_at_factors(names, columns, owners)
    if validation is not None:
        _check_pixels(config, _scaled(image_scaling, validation, "cpu"))
    with _first_weights(config.seed):
        model = model_class(
            x.shape[1:], names, config.latent_dim, config.widths, image_scaling, factor_scaling, config.likelihood,
            decoder_bias=config.decoder_bias,
            **({} if owners is None else {
                "periods": {name: data.periods[name] for name in names if name in data.periods},
                "classes": {name: data.classes[name] for name in names if name in data.classes},
            }),
        )  # fmt: skip
    model.to(device)
    model.provenance = {"config": asdict(config), "prior_variance": prior_variance, "data": data.provenance}
    if partly := [part for part in (data, validation) if part is not None and labels.partly(part, names)]:
        model.provenance["population"] = labels.population(model, data)
        if "known" not in inspect.signature(terms).parameters:
            raise ValueError(f"{partly[0]!r} has factors with errors or not told: terms needs the argument `known`")
    share = labels.draws(~np.isnan(data.columns(names)), config.told_share) if names else None
    known = labels.knowledge(model, data, share)
    share = None if share is None else torch.from_numpy(share)
    run = _start(config, model, len(x))
    if checkpoint is not None and Path(checkpoint).exists():
        checkpoints.resume(checkpoint, run, identity)
    first, last = len(run.history), config.epochs
    if first > last:
        raise ValueError(
            f"{checkpoint} has {first} epochs already, more than epochs={last}: raise epochs, or remove the file"
        )
    label = "training" if checkpoint is not None else "training (checkpoint=FILE would keep it through Ctrl-C)"
    hidden = "CI" in os.environ if progress is None else not progress
    for _ in trange(first, last, initial=first, total=last, desc=label, unit="epoch", disable=hidden):
        record = _epoch(config, run, x, u, prior_variance, terms, known, share)
        if validation is not None:
            try:
                measured = measure(model, config, validation, prior_variance, terms)
            except FloatingPointError as error:
                raise FloatingPointError(f"epoch {len(run.history) + 1}, validation: {error}") from error
            record |= {f"validation_{name}": value for name, value in measured.items()}
        run.history.append(record)
        if config.keep == "best" and record["validation_loss"] == min(row["validation_loss"] for row in run.history):
            run.best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        if checkpoint is not None:
            checkpoints.save(checkpoint, run, identity)
    if config.keep == "best":
        model.load_state_dict(run.best)
    if not config.decoder_bias:
        model.free_mean = tuple(model.cpu().encode(data.images).mu[:, model.guided_dim :].mean(0).tolist())
    if validation is not None and names and model.guided:
        model.residuals = labels.residuals(model.cpu(), validation)
        model.frequencies = tuple(labels.frequencies(data, name) for name in names)
    activity = latent_activity(model.cpu().eval(), data.rows(slice(0, 2048)), prior_variance)
    _warn_of_collapse(activity, factors.column_names(names, kinds) if model.guided else ())
    return Fit(model, run.history)


def _check_data(what, data):
    if not isinstance(data, FactorDataset):
        raise ValueError(
            f"{what} rows must be a FactorDataset, got {type(data).__name__}: "
            "write FactorDataset(images, factors, names)"
        )
    take_images(data.images)  # somebody may have changed them since
    take(np.where(np.isnan(data.factors), 0, data.factors), "factors", names=data.names)


@contextmanager
def _own_settings(threads=None):
    """Gradients, the CPU, full precision and a number of threads for our own work, whatever the caller has set."""
    before = torch.get_num_threads()
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        torch.set_num_threads(threads or before)
        try:
            yield
        finally:
            torch.set_num_threads(before)


@contextmanager
def _random_state():
    """The first of several `fit`s in threads keeps torch's global random state, and the last gives it back."""
    with BUILDING:
        RUNNING.append(torch.get_rng_state())
    try:
        yield
    finally:
        with BUILDING:
            if len(RUNNING) == 1:
                torch.set_rng_state(RUNNING[0])
            RUNNING.pop()


@contextmanager
def _first_weights(seed):
    """The seed's own random numbers for a new model, in float32, one thread at a time."""
    with BUILDING:
        dtype = torch.get_default_dtype()
        torch.set_default_dtype(torch.float32)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)


def _check_trainable(config, data, validation, names):
    if len(data) < 2:
        raise ValueError(f"training needs at least 2 rows, got {len(data)}: one row has no correlation")
    kinds, columns = data.kinds_like(names), data.columns(names)
    for name, column, same in zip(names, columns.T, factors.same_for_all(columns, kinds), strict=True):
        if same:
            told = column[~np.isnan(column)]
            how = f"is constant ({told[0]:g})" if len(told) else "is told in no row"
            raise ValueError(f"factor {name!r} {how} and cannot guide a latent: leave it out")
    if validation is not None:
        validation.columns_as(names, kinds)
    if data.factor_std is not None and config.factor_scaling not in STRAIGHT:
        raise ValueError(f"with factor_std, factor_scaling must be one of {', '.join(STRAIGHT)}")
    H, W = data.images.shape[2:]
    if config.augment == "shear" and H != W:
        raise ValueError(f"augment='shear' exchanges the axes and needs square images, got {H} x {W}: use 'none'")
    if config.augment == "shear" and not {"g1", "g2"} <= set(data.names):
        raise ValueError(
            f"augment='shear' turns the columns g1 and g2 with the images; the data have {', '.join(data.names)}: "
            "name the two components of the shear g1 and g2, or use 'none'"
        )
    if config.augment == "shear" and data.periods:
        raise ValueError(f"augment='shear' mirrors images and does not turn {', '.join(data.periods)}: use 'none'")
    if config.keep == "best" and validation is None:
        raise ValueError("keep='best' needs validation rows to choose by: fit(config, data, validation)")
    if validation is not None and not len(validation):
        raise ValueError("validation holds no row: give some, or None")
    if validation is not None and validation.images.shape[1:] != data.images.shape[1:]:
        raise ValueError(
            f"validation images have shape {validation.images.shape[1:]}, training images {data.images.shape[1:]}: "
            "take both from one `split`"
        )


def _check_pixels(config, x):
    if config.likelihood == "bernoulli" and not (x.min() >= 0 and x.max() <= 1):
        raise ValueError(
            f"likelihood='bernoulli' needs scaled pixels in [0, 1], got {x.min():.3g} to {x.max():.3g}: "
            "use image_scaling='minmax' (it is fitted on the training rows), or likelihood='gaussian'"
        )


def _look_at_pixels(config, images, x):
    """Warn where the scaled pixels leave the loss little to see."""
    spans, apart = np.ptp(images, axis=(0, 2, 3)), isinstance(config.softening, tuple)
    if not apart and spans.min() < FAINT * spans.max():
        warn(
            f"channel {spans.argmin()} spans {spans.min():.3g}, channel {spans.argmax()} {spans.max():.3g}: they share "
            "one scaling, so the loss hardly sees the fainter. Multiply it before, or give one softening per channel"
        )
    typical, largest = float((x.amax((1, 2, 3)) - x.amin((1, 2, 3))).median()), float(x.abs().max())
    if typical < NARROW * largest:
        warn(
            f"scaled by {config.image_scaling!r}, half of the images span less than {typical:.2g} of {largest:.2g}: "
            "the loss hardly sees them. Subtract the background, or choose another image_scaling"
        )
    brightest = np.abs(images).max((0, 2, 3)) if apart else np.abs(images).max()
    if config.image_scaling == "asinh" and np.any(brightest < FAINT * np.array(config.softening)):
        warn(
            f"the largest pixel is {np.min(brightest):.3g}, where 'asinh' is a straight line: it was made for counts "
            "of 20 and more. Say softening=, near the noise of the faint parts, or image_scaling='minmax'"
        )


def _look_at_factors(names, columns, owners):
    """Warn of two factors that say the same."""
    owner = np.array(owners or range(len(names)))
    told = columns[~columns.isnan().any(1)].numpy()
    if len(told) < FEW or not len(names):
        return
    rho = np.abs(metrics.correlations(told, told)) * (owner[:, None] < owner)
    one, other = np.unravel_index(rho.argmax(), rho.shape)
    if rho[one, other] > ALIKE:
        first, second = names[owner[one]], names[owner[other]]
        warn(
            f"factors {first!r} and {second!r} correlate, |rho| = {rho[one, other]:.4f}: no model can hold them apart. "
            "Leave one of them out; auxvae_lite.describe tells more"
        )


def _start(config, model, rows):
    """The `Run` before its first step."""
    optimiser = torch.optim.Adam(model.parameters(), lr=config.lr)
    if config.schedule == "constant":
        schedule = torch.optim.lr_scheduler.ConstantLR(optimiser, factor=1.0)
    else:
        steps = config.epochs * _batches(rows, config.batch_size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=config.lr, total_steps=steps + 1)
    seeds = {"shuffle": 3 * config.seed, "noise": 3 * config.seed + 1, "coins": 3 * config.seed + 2}
    generators = {name: torch.Generator().manual_seed(seed) for name, seed in seeds.items()}
    return checkpoints.Run(model, optimiser, schedule, generators)


def _identity(config, data, validation, model_class, terms):
    """What two runs must share for one to go on where the other stopped."""
    identity = asdict(config) | {
        "training data": data.checksum(),
        "validation data": None if validation is None else validation.checksum(),
        "model class": _told(model_class),
        "terms": _told(terms),
    }
    if config.schedule == "constant":
        del identity["epochs"]  # nothing before the last epoch depends on it
    return identity


def _told(function):
    """A name that tells a function from others, or an error: two lambdas would be taken for the same."""
    if isinstance(function, functools.partial):
        given = [*map(repr, function.args), *(f"{name}={value!r}" for name, value in sorted(function.keywords.items()))]
        return f"{_told(function.func)}({', '.join(given)})"
    name = getattr(function, "__qualname__", "<unnamed>")
    if "<" in name:
        raise ValueError(
            f"with a checkpoint, model_class and terms need names to be told apart, got {name}: define it with def or "
            "class in a module or a cell, outside other functions"
        )
    return name


def _epoch(config, run, x, u, prior_variance, terms, known=None, share=None):
    """Train on every row once; the epoch's mean `Terms`, loss and seconds by name."""
    model, (shuffle, noise, coins) = run.model.train(), run.generators.values()
    augment = AUGMENTATIONS[config.augment]
    half = config.precision == "bfloat16"
    start, sums = time.perf_counter(), torch.zeros(len(Terms._fields) + 1, dtype=torch.float32, device=x.device)
    order = torch.randperm(len(x), generator=shuffle) if share is None else labels.draw(share, shuffle)
    for batch, index in enumerate(order.tensor_split(_batches(len(x), config.batch_size))):
        images, own = x[index.to(x.device)], u[index]
        if augment is not None:
            images, own = augment(images, own, model.factors, coins)
        images = images.contiguous(memory_format=torch.channels_last)
        scaled = model.guide(own).to(x.device)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=half, cache_enabled=False):
            output = model(images, noise, scaled)
        parts = _parts(terms, config, output, images, scaled, prior_variance, known, index)
        loss = total(config, parts, x[0].numel())
        _check_finite(parts, f"epoch {len(run.history) + 1}, batch {batch + 1}")
        run.optimiser.zero_grad()
        loss.backward()
        if config.clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        run.optimiser.step()
        run.schedule.step()
        sums += _stacked(*parts, loss).detach() * len(index)
    record = dict(zip([*Terms._fields, "loss"], (sums / len(x)).tolist(), strict=True))
    return record | {"seconds": time.perf_counter() - start}


def _parts(terms, config, output, x, u, prior_variance, known, index):
    """`terms` of a batch. Those that cannot look at `known` are told all factors exactly, as `fit` sees to."""
    if known is None or "known" not in inspect.signature(terms).parameters:
        return terms(config, output, x, u, prior_variance)
    return terms(config, output, x, u, prior_variance, known=known.rows(index, x.device))


def measure(model, config, data, prior_variance, terms=terms):
    """The loss and its terms on given rows, in evaluation mode (z = mu), batches weighted by their size.

    Arguments:
        model, config, prior_variance, terms: As in `fit`.
        data: A `FactorDataset` with the model's factors.

    Returns:
        Dictionary of floats: the fields of `Terms`, and "loss". The penalties depend on the batch size.

    Raises:
        FloatingPointError: if a term is not finite, naming it and the first row of its batch.
    """
    with _own_settings(), torch.no_grad():
        return _measure(model, config, data, prior_variance, terms)


def _measure(model, config, data, prior_variance, terms):
    device = next(model.parameters()).device
    x = _scaled(model.image_scaling, data, device)
    _check_pixels(config, x)
    u, known = model.guide(labels.own(model, data)).to(device), labels.knowledge(model, data)
    model.eval()
    sums = torch.zeros(len(Terms._fields) + 1, dtype=torch.float32, device=device)
    for rows in np.array_split(np.arange(len(x)), _batches(len(x), config.batch_size)):
        index = slice(rows[0], rows[-1] + 1)
        parts = _parts(terms, config, model(x[index], u=u[index]), x[index], u[index], prior_variance, known, index)
        _check_finite(parts, f"the given rows, from row {rows[0]}")
        sums += _stacked(*parts, total(config, parts, x[0].numel())) * len(rows)
    return dict(zip([*Terms._fields, "loss"], (sums / len(x)).tolist(), strict=True))


class Activity(NamedTuple):
    """What each latent does: mean KL in nats and spread of its mean, shape (d,), and whether it is active (d,)."""

    kl: Tensor
    sd: Tensor
    active: Tensor


def latent_activity(model, data, prior_variance):
    """How much of each latent the images decide; a latent is active if its mean varies by more than 0.1.

    Arguments:
        model, prior_variance: As in `fit`.
        data: A `FactorDataset` with the model's factors.

    Returns:
        `Activity`. A latent that ignores the image has collapsed to its prior: spread 0 and, if it is free, KL 0.

    References:
        Active units: Burda, Grosse and Salakhutdinov 2016 (variance above 0.01). Chapter 3.
    """
    mu, logvar = model.encode(data.images)
    u, known = model.guide(labels.own(model, data)), labels.knowledge(model, data)
    if known is None:
        kl = kl_diag_normal(mu, logvar, *targeted_prior(u, model.latent_dim, prior_variance)).mean(0)
    else:
        kl = kl_partial(mu, logvar, u, known, prior_variance).mean(0)
    sd = mu.std(0, correction=0)
    return Activity(kl, sd, sd > 0.1)


def live_latents(posterior):
    r"""Which latents carry something of the image, whatever their scale.

    .. math:: \frac{\operatorname{Var} \mu_j}{\operatorname{Var} \mu_j + \mathbb E\,\sigma_j^2} > 0.01

    Arguments:
        posterior: `Posterior` of many images, from `AuxVAE.encode`.

    Returns:
        Booleans, shape (d,). A dead latent's samples are noise, though its mean may still follow a factor.

    References:
        Chapter 14.
    """
    varied = posterior.mu.var(0, correction=0)
    return varied / (varied + posterior.logvar.exp().mean(0)) > LIVE


def _warn_of_collapse(activity, names):
    """Free latents may be idle when the factors tell everything; guided ones, or all of them, should not be."""
    idle = [name for name, active in zip(names, activity.active, strict=False) if not active]
    if idle or not activity.active.any():
        kl = ", ".join(f"{value:.3g}" for value in activity.kl)
        warn(
            f"posterior collapse: {int(activity.active.sum())} of {len(activity.kl)} latents are active"
            f"{', idle are ' + ', '.join(idle) if idle else ''}; KL per latent {kl}. Lower beta, or train longer"
        )


def _scaled(image_scaling, data, device):
    """Scaled images (n, C, H, W), float32."""
    return image_scaling(torch.from_numpy(data.images)).to(device)


def _batches(n, batch_size):
    """Number of near-equal batches of at least `batch_size` rows, so that none is left with a single row."""
    return max(1, n // batch_size)


def _stacked(first, *others):
    """Scalars as one tensor, plain numbers among them."""
    return torch.stack([first, *(torch.as_tensor(value, dtype=first.dtype, device=first.device) for value in others)])


def _check_finite(parts, place):
    if torch.isfinite(_stacked(*parts)).all():  # one question, not six, to a GPU
        return
    for name, value in zip(parts._fields, _stacked(*parts).tolist(), strict=True):
        if not math.isfinite(value):
            raise FloatingPointError(f"{place}: {name} is {value}. Lower lr, or check the data's scale")


class Evaluation(NamedTuple):
    """Scores of a model on given rows, and the reference rows that they must be read against."""

    scores: dict
    reference: dict


def evaluate(model, data, render=None):
    r"""Score reconstructions and codes (posterior means) on rows that training never saw.

    Arguments:
        model: An `AuxVAE`.
        data: A `FactorDataset`.
        render: For the ceiling of `generate_ssim` where the model is told some of the data's factors alone: a function
            from factors (n, K), columns as in the data, to noiseless images, such as `galaxies.render`.

    Returns:
        `Evaluation`. Scores: SSIM in its conventions; `lds` and `lds_normalised` over all of the data's factors, and of
        their ranks `lds_ranks` and `lds_ranks_normalised`; `sap_r2`; `corr_NAME` of each guided latent with its factor,
        of an angle `circular_NAME` (`metrics.circular_correlation`) and of a class `accuracy_NAME`
        (`metrics.balanced_accuracy`) of what `predict` says; `corr_aux_recon`, the mean \|rho\| between guided and free
        latents. Of models that are told factors: `generate_ssim`, of `generate` for these rows' factors, free latents
        drawn, with the noiseless truth, where that is known; `told_by_free_NAME`, R^2 of each told factor from samples
        of the free latents (`sensitivity.told`), of an angle or a class the mean over its columns; and `kurtosis_J` of
        each free latent's means, J from 0, if it is live: Var mu / (Var mu + E sigma^2) > .01.

        LDS and SAP take an angle as its cosine and sine and leave classes out, whose columns correlate with each other
        by construction (chapter 11). Every score takes the rows that tell what it needs. A factor that is constant in
        these rows is left out of all but SSIM, and SAP is left out for a single latent, each with a warning; without
        factors there is SSIM alone. Reference: SSIM's rows, LDS's floor, ceiling, live latents and n, the value of
        `corr_aux_recon` for independent latents, floors (shuffled rows; of an accuracy one over the labels) and, for
        `generate_ssim`, the ceiling: the noiseless truth is 1 where every factor is told, and the simulator with the
        told factors and the others from other rows where not. More than the ceiling means too little variety.

    References:
        Chapters 6, 7 and 14.
    """
    if not hasattr(model, "encode"):
        raise ValueError(
            f"write evaluate(model, data), with model, history = fit(...); got {type(model).__name__} as model"
        )
    _check_data("the", data)
    posterior = model.encode(data.images)
    x_hat = model.decode(posterior.mu).numpy()
    mu, G = posterior.mu.numpy(), model.guided_dim
    scores, reference = (
        metrics.ssim_scores(data.images, x_hat, data.clean),
        metrics.ssim_reference(data.images, data.clean),
    )
    same = dict(zip(data.names, factors.same_for_all(data.factors, data.kinds), strict=True))
    if any(same.values()):
        left = ", ".join(name for name in data.names if same[name])
        warn(f"constant in these {len(data)} rows, so left out of LDS, SAP and correlations: {left}")
    z, u = _ordered(mu, data, [name for name in data.names if not same[name]])
    if u.shape[1]:
        for name, score in (("lds", metrics.lds(z, u)), ("lds_ranks", metrics.lds_ranks(z, u))):
            scores |= {name: score.value, f"{name}_normalised": score.normalised}
            reference[name] = {"floor": score.floor, "ceiling": score.ceiling, "live": score.live, "n": score.n}
    if u.shape[1] and model.latent_dim > 1:
        scores["sap_r2"] = metrics.sap(z, u)
    elif u.shape[1]:
        warn("SAP compares two latents and this model has one: left out")
    if G:
        found = _own_scores(model, mu, data, same)
        scores, reference = scores | found.scores, reference | found.reference
    if 0 < G < model.latent_dim:
        scores["corr_aux_recon"] = float(np.abs(metrics.correlations(mu[:, :G], mu[:, G:])).mean())
        reference["corr_aux_recon"] = {"independent": metrics.expected_null(len(mu))}
    if G and model.guided:
        for found in (_generated(model, data, render), _free(model, posterior, data, same)):
            scores, reference = scores | found.scores, reference | found.reference
    return Evaluation(scores, reference)


def _ordered(z, data, names):
    """Codes and those columns of factors that have an order, of the rows that tell all of them."""
    names = [name for name, kind in zip(names, data.kinds_like(names), strict=True) if not kind.classes]
    own = data.factors if len(names) == len(data.names) else data.columns(names)
    u = factors.expand(torch.from_numpy(own), data.kinds_like(names)).numpy()
    told = ~np.isnan(u).any(1)
    if names and told.sum() < 3:
        warn(f"{told.sum()} rows tell all of {', '.join(names)}, so LDS and SAP are left out")
        u = u[:, :0]
    return (z, u) if told.all() else (z[told], u[told])


def _own_scores(model, mu, data, same):
    """How well each guided latent follows its factor."""
    scores, reference = {}, {}
    own = labels.own(model, data).numpy()
    together = own if not np.isnan(own).any() and factors.numeric(model.kinds) else None  # one product, one rounding
    rho = None if together is None else metrics.correlations(mu[:, : model.guided_dim], together).diagonal()
    columns = model.factor_scaling.inverse(torch.from_numpy(mu[:, : model.guided_dim]).double())
    read = factors.collapse(columns, model.kinds)
    for k, (name, kind, place) in enumerate(zip(model.factors, model.kinds, factors.places(model.kinds), strict=True)):
        told = ~np.isnan(own[:, k])
        if same[name]:
            continue
        asked, answer = own[told, k], read[told, k]
        if kind.classes:
            scores[f"accuracy_{name}"] = metrics.balanced_accuracy(asked, answer)
            reference[f"accuracy_{name}"] = {"floor": 1 / len(np.unique(asked))}
        elif kind.period:
            scores[f"circular_{name}"] = metrics.circular_correlation(asked, answer, kind.period)
            shuffled = np.random.default_rng(0).permutation(answer)
            floor = metrics.circular_correlation(asked, shuffled, kind.period)
            reference[f"circular_{name}"] = {"floor": floor}
        else:
            alone = metrics.correlations(mu[told, place], asked[:, None])[0, 0] if rho is None else rho[k]
            scores[f"corr_{name}"] = float(alone)
    return Evaluation(scores, reference)


def _generated(model, data, render):
    """How like the truth are new images with the rows' own factors?"""
    if data.clean is None:
        return Evaluation({}, {})

    def like(images):
        return float(metrics.ssim(data.clean, images).mean())

    data = data.rows(~np.isnan(data.columns(model.factors)).any(1))
    if not len(data):
        return Evaluation({}, {})
    images = model.generate(labels.own(model, data).numpy(), torch.Generator().manual_seed(0)).numpy()
    against = {"floor": like(np.roll(images, 1, axis=0))}
    if set(data.names) == set(model.factors):
        against["ceiling"] = 1.0
    elif render is not None:
        u = np.roll(data.factors, 1, axis=0)
        told = [data.names.index(name) for name in model.factors]
        u[:, told] = data.factors[:, told]
        against["ceiling"] = like(np.asarray(render(u), dtype=np.float32).reshape(images.shape))
    return Evaluation({"generate_ssim": like(images)}, {"generate_ssim": against})


def _free(model, posterior, data, same):
    """What the free latents tell of the told factors, and how heavy their tails are."""
    G = model.guided_dim
    if model.latent_dim == G:
        return Evaluation({}, {})
    mu, sampled = posterior.mu[:, G:], posterior.sample(torch.Generator().manual_seed(0))[:, G:]
    live = live_latents(posterior)[G:]
    tails = metrics.kurtosis(mu.numpy())
    scores = {f"kurtosis_{j}": float(tails[j]) for j in range(len(tails)) if live[j]}
    reference = {name: {"normal": 3.0} for name in scores}
    own = labels.own(model, data)
    able = [k for k, name in enumerate(model.factors) if not same[name]]
    together = [able] if not own.isnan().any() else [[k] for k in able]  # of those that the same rows tell
    for which in filter(None, together):
        kinds, rows = [model.kinds[k] for k in which], ~own[:, which].isnan().any(1)
        if rows.sum() < 2 * sensitivity.NEIGHBOURS:
            continue
        columns = factors.expand(own[rows][:, which], kinds).numpy()
        varied, value, floor = ~constant(columns), *np.full((2, columns.shape[1]), np.nan)
        value[varied], floor[varied] = sensitivity.told(sampled[rows].numpy(), columns[:, varied])
        for k, place in zip(which, factors.places(kinds), strict=True):
            name, known = f"told_by_free_{model.factors[k]}", ~np.isnan(value[place])
            if known.any():
                scores[name] = float(value[place][known].mean())
                reference[name] = {"floor": float(floor[place][known].mean())}
    return Evaluation(scores, reference)
