r"""Aux-VAE: a convolutional VAE whose first K latents are the known factors. With no factors it is a (beta-)VAE."""

import threading
from contextlib import contextmanager
from itertools import pairwise
from numbers import Integral
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from . import factors as factor_kinds
from . import files, older, priors
from .arrays import by_name, listed, take, take_images
from .cautions import warn
from .scalings import LOG_FLOOR, Scaling

__all__ = ["LIKELIHOODS", "AuxVAE", "Output", "Posterior", "Prediction"]

LIKELIHOODS = ("gaussian", "bernoulli")
FIELDS = (  # of a file's header; a checkpoint has "run", too
    "model", "image_shape", "factors", "latent_dim", "widths", "image_scaling", "factor_scaling", "likelihood",
    "decoder_bias", "free_mean", "periods", "classes", "residuals", "frequencies", "provenance", "run",
)  # fmt: skip
MODES = threading.Lock()  # threads change a model's mode one at a time
FAR = 10  # scaled units: ten standard deviations, or ten ranges, from the training rows


class Posterior(NamedTuple):
    """The encoder's diagonal Gaussian q(z|x): `mu` and `logvar`, shape (B, d) each, in latent units."""

    mu: Tensor
    logvar: Tensor

    def sample(self, generator=None):
        r"""Reparameterised draw, z = mu + sigma * epsilon, shape (B, d); chapter 5."""
        place = self.mu.device if generator is None else generator.device
        like = {"dtype": self.mu.dtype, "device": place}
        noise = torch.randn(self.mu.shape, generator=generator, **like)
        return self.mu + (0.5 * self.logvar).exp() * noise.to(self.mu.device)


class Output(NamedTuple):
    """One forward pass: decoded images in network units, or their logits, (B, C, H, W); posterior; decoded latents."""

    x_hat: Tensor
    posterior: Posterior
    z: Tensor


class Prediction(NamedTuple):
    """A factor read from n images, in its own unit, with what is known of the error.

    `value` has shape (n,): numbers, angles from 0 to below their period, or labels of a class. `std` is the standard
    error of each of them, as validation rows had it: one number, or None for a class and for a model that was trained
    without validation rows. `probabilities` are a class's: by label, shape (n,) each, or None.
    """

    value: np.ndarray
    std: float | None = None
    probabilities: dict | None = None


class Constant(nn.Module):
    """Adds a number of its own to each channel and place, shape (C, H, W); 0 at first."""

    def __init__(self, *shape):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(shape))

    def forward(self, x):
        """Maps (B, C, H, W) to the same shape."""
        return x + self.bias


class AuxVAE(nn.Module):
    """Encoder, decoder and the two scalings, so that data units go in and come out.

    Four stride-2 convolutions lead to the posterior, four transposed convolutions lead back; the decoder
    passes through the sizes that the encoder passed through, so images of any size from 16 pixels fit. The output is
    linear: a sigmoid with squared error can saturate to black and never recover (chapter 5).

    Arguments:
        image_shape: (C, H, W) of one image.
        factors: Names of the known factors, in the order of z_aux; () makes a VAE.
        latent_dim: Number of latents d, at least `guided_dim`.
        widths: Channels of the four encoder layers; the decoder mirrors them at half the width.
        image_scaling, factor_scaling: `Scaling`s fitted on training rows; `fit` supplies them.
        likelihood: Of the pixels, one of `LIKELIHOODS`. With "bernoulli", the decoder's output are logits, and `decode`
            gives probabilities; with the other it is the scaled pixels.
        decoder_bias: A constant for each place in the decoder's first layer. Without it that layer is linear, and what
            all images share, such as a bright middle, can only come from a free latent whose mean is not 0 (chapter
            14).
        periods, classes: As a `FactorDataset` has them: the factors that are angles, and those that are classes.

    Attributes:
        guided_dim: Number of guided latents, the first of z: one for a number, two for an angle, one for each label of
            a class.
        residuals: For each factor the standard error of what `predict` says, or None; () if nobody measured it. `fit`
            measures it on validation rows: in the factor's unit, and of a class in its indicators.
        frequencies: For each factor that is a class the share of each label among the training rows, else ().

    Raises:
        ValueError: for fewer latents than factors need, fewer than two widths, or an image below 16 pixels a side.

    References:
        Section 3 of arXiv 2507.00298; chapter 5.
    """

    guided = True  # the first K latents are meant to be the factors; subclasses may have none such

    def __init__(self, image_shape, factors=(), latent_dim=10, widths=(16, 32, 64, 128),
                 image_scaling=None, factor_scaling=None, likelihood="gaussian", decoder_bias=True,
                 periods=None, classes=None):  # fmt: skip
        super().__init__()
        factors = listed("factors", factors)
        if len(set(factors)) < len(factors):
            raise ValueError(f"factors must differ, got {', '.join(factors)}")
        self.image_shape, self.factors = tuple(image_shape), tuple(factors)
        self.kinds = factor_kinds.kinds_of(self.factors, periods, classes)
        self.guided_dim = sum(kind.width for kind in self.kinds)
        self.latent_dim, self.widths, self.likelihood = latent_dim, tuple(widths), likelihood
        if likelihood not in LIKELIHOODS:
            raise ValueError(f"likelihood must be one of {', '.join(LIKELIHOODS)}; got {likelihood!r}")
        if len(self.widths) < 2:
            raise ValueError(f"widths needs at least two layers, got {self.widths}")
        if min(self.widths) < 2:
            raise ValueError(f"each of widths must be at least 2, since the decoder has half of it; got {self.widths}")
        if latent_dim < self.guided_dim:
            several = "" if self.guided_dim == len(self.factors) else f", which need {self.guided_dim}"
            raise ValueError(
                "latent_dim must be at least the number of factors, "
                f"got {latent_dim} for {', '.join(self.factors)}{several}"
            )
        if min(self.image_shape[1:]) < 2 ** len(self.widths):
            raise ValueError(f"images need at least {2 ** len(self.widths)} pixels a side, got {self.image_shape}")
        self.image_scaling = image_scaling or Scaling("minmax")
        self.factor_scaling = factor_scaling or Scaling("minmax")
        self.decoder_bias, self.free_mean, self.residuals, self.frequencies = decoder_bias, (), (), ()
        self._users, self._mode = 0, True  # of the evaluation mode, and the mode before them
        self.provenance = {}  # how it was trained; `fit` fills it and `save` keeps it
        channels, *size = self.image_shape
        sizes = [tuple(side // 2**layer for side in size) for layer in range(len(self.widths) + 1)]
        self.encoder = self.make_encoder(channels, sizes)
        self.decoder = self.make_decoder(channels, sizes)
        self.float().to(memory_format=torch.channels_last)  # whatever torch's default is; the faster layout on a CPU

    def make_encoder(self, channels, sizes):
        """Scaled images (B, C, H, W) to mu and logvar side by side, (B, 2 d)."""
        layers, ins = [], channels
        for outs in self.widths:
            layers += [nn.Conv2d(ins, outs, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(outs), nn.SiLU()]
            ins = outs
        H, W = sizes[-1]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(ins * H * W, 2 * self.latent_dim))

    def make_decoder(self, channels, sizes):
        """Latents (B, d, 1, 1) to scaled images (B, C, H, W)."""
        sizes, widths = sizes[-2::-1], [width // 2 for width in self.widths[-2::-1]]
        layers, ins = [nn.ConvTranspose2d(self.latent_dim, widths[0], sizes[0], bias=False)], widths[0]
        layers += [Constant(ins, *sizes[0])] if self.decoder_bias else []
        for outs, (small, large) in zip([*widths[1:], channels], pairwise(sizes), strict=True):
            odd = tuple(b - 2 * a for a, b in zip(small, large, strict=True))  # 1 where a halving rounded down
            layers += [nn.BatchNorm2d(ins), nn.SiLU()]
            layers += [nn.ConvTranspose2d(ins, outs, 4, stride=2, padding=1, output_padding=odd)]
            ins = outs
        return nn.Sequential(*layers)

    def forward(self, x, generator=None, u=None):
        """Encode, sample (in training) or take the mean (in evaluation), decode.

        Arguments:
            x: Scaled images, shape (B, C, H, W).
            generator: `torch.Generator` of the sample.
            u: Scaled factors, shape (B, G), G = `guided_dim`; not used: they guide
                through the loss alone. Subclasses may look at them.

        Returns:
            `Output`; x_hat is scaled like `x`.
        """
        posterior = Posterior(*self.encoder(x).to(x.dtype).chunk(2, dim=1))
        z = posterior.sample(generator) if self.training else posterior.mu
        return Output(self.decoder(z[:, :, None, None]).to(x.dtype), posterior, z)

    def encode(self, images):
        """Posterior of images, in evaluation mode and without gradients.

        Arguments:
            images: In data units, shape (n, C, H, W), array or tensor.

        Returns:
            `Posterior` with mu and logvar of shape (n, d). The first `guided_dim` columns of mu are the scaled factors.

        Raises:
            ValueError: if the images have another shape than the model's, are not finite, or the model takes logarithms
                of them and one is below 0; naming the row.
        """
        images = take_images(images)
        if images.shape[1:] != self.image_shape:
            wanted = ", ".join(map(str, self.image_shape))
            raise ValueError(f"images must have shape (n, {wanted}), got {images.shape}")
        if self.image_scaling.kind == "log10" and images.size and images.min() <= -LOG_FLOOR:
            row = int(images.min((1, 2, 3)).argmin())
            raise ValueError(f"images row {row} has pixels below 0, and this model takes logarithms: clip them at 0")
        encoded = self._in_batches(lambda x: self.encoder(self.image_scaling(x)), torch.from_numpy(images))
        return Posterior(*encoded.chunk(2, dim=1))

    def decode(self, z):
        """Images of latents, in evaluation mode and without gradients.

        Arguments:
            z: Shape (n, d), array or tensor, in latent units.

        Returns:
            Tensor of shape (n, C, H, W), in data units.

        Raises:
            ValueError: if there are not d latents a row, or one is not finite.

        Warns where a latent lies so far out that pixels overflow.
        """
        z = torch.from_numpy(take(z, "z", np.float32))
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(f"z must have shape (n, {self.latent_dim}), got {tuple(z.shape)}")
        images = self._in_batches(lambda z: self.pixels(self.decoder(z[:, :, None, None])), z)
        if not (finite := images.isfinite().flatten(1).all(1)).all():
            warn(
                f"z row {int(finite.logical_not().nonzero()[0])} decodes to pixels beyond float32: it lies too far out"
            )
        return images

    def pixels(self, x_hat):
        """The decoder's output in data units: the scaling undone, and before that, for "bernoulli", the logits."""
        return self.image_scaling.inverse(x_hat.sigmoid() if self.likelihood == "bernoulli" else x_hat)

    def generate(self, u, generator=None, *, free="sample"):
        """New images with given factors: z_aux at its prior mean, z_recon drawn from its prior, as (5.1) says.

        Arguments:
            u: Factors in their own units, shape (n, K), columns as in `self.factors`; or columns by name, as a
                dictionary or a table, in any order: {"size": 3.0, "angle": 350, "shape": "spiral"}.
            generator: `torch.Generator` of z_recon; None takes torch's global one.
            free: "sample" draws z_recon, so that one u gives another image each time; "mean" leaves it in its middle.

        Returns:
            Tensor of shape (n, C, H, W), in data units.

        Raises:
            ValueError: if there is not one column per factor, names are other than the model's, a value is not
                finite or has no place in the scaling, a class has no such label, or `free` is anything else.

        Warns of a factor far outside what the model was told.

        The middle is 0. A model without `decoder_bias` is trained into another: there `free_mean`, the mean of the
        training images' codes, which `fit` keeps, takes its place (chapter 14).
        """
        if generator is not None and not isinstance(generator, torch.Generator):
            raise ValueError(f"write generator=torch.Generator().manual_seed(0), got {generator!r}")
        if free not in ("sample", "mean"):
            raise ValueError(f'free must be "sample" or "mean", got {free!r}')
        z = priors.targeted_prior(self._scaled_factors(u), self.latent_dim, 1.0).mean
        rest = z[:, self.guided_dim :]
        if free == "sample":
            place = z.device if generator is None else generator.device
            rest[:] = torch.randn(rest.shape, generator=generator, dtype=z.dtype, device=place).to(z.device)
        if self.free_mean:
            rest += torch.tensor(self.free_mean, dtype=z.dtype, device=z.device)
        return self.decode(z)

    def traverse(self, image, latent, values):
        """Decode one image with one of its latents set to each of `values`.

        Arguments:
            image: Shape (C, H, W), in data units.
            latent: A factor's name, or a latent's index from 0.
            values: In the factor's own unit for a name, or a class's labels; in latent units for an index; shape (m,).

        Returns:
            Tensor of shape (m, C, H, W), in data units.

        Raises:
            ValueError: for a name or index that the model does not have, and for values that are no list of finite
                numbers.
        """
        if isinstance(latent, bool) or not isinstance(latent, str | Integral):
            raise ValueError(f"latent must be a factor's name or a latent's number, got {latent!r}")
        named = isinstance(latent, str)
        if named and latent not in self.factors:
            raise ValueError(f"no factor {latent!r}; this model has {', '.join(self.factors) or 'none'}")
        factor = self.factors.index(latent) if named else None
        kind = self.kinds[factor] if named else factor_kinds.Kind()
        values = values if kind.classes else take(values, "values")
        if np.ndim(values) != 1:
            raise ValueError(f"values must be a list of numbers, shape (m,), got shape {np.shape(values)}: write [0.5]")
        if named:
            place = factor_kinds.places(self.kinds)[factor]
            own = torch.from_numpy(factor_kinds.parse(values, latent, kind))[:, None]
            middle = torch.zeros(len(own), self.guided_dim, dtype=torch.float64, device="cpu")
            columns = self.factor_scaling.inverse(middle)
            columns[:, place] = factor_kinds.expand(own, (kind,))
            values = self._scale(columns)[:, place]
        else:
            place, values = slice(latent, latent + 1), torch.from_numpy(values)[:, None]
        if not 0 <= place.start < self.latent_dim:
            raise ValueError(f"no latent {latent}; this model has 0 to {self.latent_dim - 1}")
        image = image if hasattr(image, "ndim") else np.asarray(image)
        z = self.encode(image[None]).mu.repeat(len(values), 1)
        z[:, place] = values.to(z)
        return self.decode(z)

    def predict(self, images):
        r"""The known factors as the guided latents tell them.

        Arguments:
            images: In data units, shape (n, C, H, W).

        Returns:
            Dictionary from each factor's name to its `Prediction`. The standard error is not the encoder's own sigma,
            which only says how wide the prior was (chapter 5). A class's probabilities follow from Bayes' rule, its
            indicators being read with normal errors of sd r = `residuals`:

            .. math:: P(c | x) \propto f_c\, e^{-\lVert \hat h - e_c \rVert^2 / 2 r^2}

            with f_c the share of the label among the training rows.

        Raises:
            ValueError: as `encode` does, and for a model without factors.

        Example:
            >>> model = AuxVAE((1, 16, 16), ["angle"], 2, periods={"angle": 360})
            >>> model.predict(np.zeros((3, 1, 16, 16)))["angle"].value.shape  # of an untrained model
            (3,)
        """
        if not self.factors:
            raise ValueError("this model has no factors to predict")
        columns = self.factor_scaling.inverse(self.encode(images).mu[:, : self.guided_dim].double())
        values = factor_kinds.collapse(columns, self.kinds)
        places = factor_kinds.places(self.kinds)
        found = {}
        for k, (name, kind, place) in enumerate(zip(self.factors, self.kinds, places, strict=True)):
            error = self.residuals[k] if self.residuals else None
            if not kind.classes:
                found[name] = Prediction(values[:, k], error)
                continue
            labels = np.array(kind.labels(values[:, k]))
            shares = None
            if error is not None:
                shares = _shares(columns[:, place], error, self.frequencies[k])
                shares = dict(zip(kind.classes, shares.T.numpy(), strict=True))
            found[name] = Prediction(labels, None, shares)
        return found

    def contents(self):
        """What a file of this model holds: weights by name, and a header with shape, scalings and provenance."""
        header = {
            "model": type(self).__name__,
            "image_shape": self.image_shape,
            "factors": self.factors,
            "latent_dim": self.latent_dim,
            "widths": self.widths,
            "image_scaling": [self.image_scaling.kind, self.image_scaling.softening],
            "factor_scaling": [self.factor_scaling.kind, self.factor_scaling.softening],
            "likelihood": self.likelihood,
            "decoder_bias": self.decoder_bias,
            "free_mean": self.free_mean,
            "periods": {name: kind.period for name, kind in zip(self.factors, self.kinds, strict=True) if kind.period},
            "classes": {
                name: kind.classes for name, kind in zip(self.factors, self.kinds, strict=True) if kind.classes
            },
            "residuals": self.residuals,
            "frequencies": self.frequencies,
            "provenance": self.provenance,
        }
        return self.state_dict(), header

    def save(self, path):
        """Write `contents` to one safetensors file, in one step; returns the content's sha256."""
        return files.write(path, *self.contents())

    @classmethod
    def load(cls, path):
        """Read a model that `save` or a checkpoint wrote, onto the CPU, in evaluation mode. No pickled code is run.

        Raises:
            FileNotFoundError, ValueError: for a missing, damaged or foreign file.

        A file of a newer version, or with fields that this one does not know, is read with a warning.
        """
        tensors, header = files.read(path)
        if header.get("model") != cls.__name__:
            raise ValueError(f"{path} holds {header.get('model', 'no model')}, not {cls.__name__}")
        files.expect(header, FIELDS, path)
        try:
            return cls._from_contents(tensors, older.complete(header)).eval()
        except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise ValueError(f"{path} does not fit its own header ({error}); make or copy it again") from error

    @classmethod
    def _from_contents(cls, tensors, header):
        weights = {name: tensor for name, tensor in tensors.items() if not name.startswith("run.")}
        scalings = {}
        for name in ("image_scaling", "factor_scaling"):
            kind, softening = header[name]
            scalings[name] = Scaling(kind, weights[f"{name}.offset"], weights[f"{name}.scale"], softening)
        with torch.device("meta"):  # allocates nothing, whatever sizes the header claims
            shape = (header[name] for name in ("image_shape", "factors", "latent_dim", "widths"))
            names = "likelihood", "decoder_bias", "periods", "classes"
            model = cls(*shape, **scalings, **{name: header[name] for name in names})
        model.load_state_dict(weights, assign=True)
        model.free_mean = tuple(map(float, header["free_mean"]))
        model.residuals = tuple(None if error is None else float(error) for error in header["residuals"])
        model.frequencies = tuple(tuple(map(float, shares)) for shares in header["frequencies"])
        model.provenance = dict(header["provenance"])
        return model.to(memory_format=torch.channels_last)

    def guide(self, u):
        """Factors in the network's units, columns as in z_aux; scaled in float64, so that an offset is gone before.

        Arguments:
            u: In their own units, tensor of shape (n, K), float64; NaN where one is not told.

        Returns:
            Tensor of shape (n, G), float32, on the CPU; NaN where one is not told.
        """
        return self.factor_scaling(factor_kinds.expand(u, self.kinds)).float()

    def _scaled_factors(self, u):
        """Factors (n, K), all of them known, in the network's units, (n, G), float32."""
        table, _ = by_name(u)
        if table is not None:
            if sorted(table) != sorted(self.factors):
                raise ValueError(f"the columns are {', '.join(table)}, but this model has {', '.join(self.factors)}")
            columns = zip(self.factors, self.kinds, strict=True)
            columns = [factor_kinds.parse(table[name], name, kind) for name, kind in columns]
            u = np.stack(columns, axis=1) if columns else np.empty((0, 0))
        u = take(u, "factors", names=self.factors)
        if u.ndim != 2 or u.shape[1] != len(self.factors):
            raise ValueError(f"u must have a column for each of {', '.join(self.factors)}; got {u.shape}")
        return self._scale(factor_kinds.expand(torch.from_numpy(u), self.kinds))

    def _scale(self, columns):
        """Columns of factors (n, G) in the network's units, with an eye on those that the model never saw."""
        scaled = self.factor_scaling(columns).float()
        owner = factor_kinds.owners(self.kinds) or range(self.guided_dim)
        for what, bad in (("has no logarithm", ~scaled.isfinite()), ("lies far outside", scaled.abs() > FAR)):
            plain = [self.kinds[factor] == factor_kinds.Kind() for factor in owner]
            bad &= torch.tensor(plain, dtype=torch.bool, device="cpu")
            if bad.any():
                row, column = bad.nonzero()[0].tolist()
                given = f"factors row {row}: {self.factors[owner[column]]} = {columns[row, column]:g} {what}"
                if what == "has no logarithm":
                    raise ValueError(f"{given}, which this model takes: give values above 0")
                warn(f"{given} what the model was told ({scaled[row, column]:.0f} scaled units): it extrapolates")
        return scaled

    @torch.no_grad()
    def _in_batches(self, function, rows, size=1024):
        place = next(self.parameters())
        with self._evaluating(), torch.autocast(place.device.type, enabled=False):
            return torch.cat([function(batch.to(place)).to(rows.device) for batch in rows.split(size)])

    @contextmanager
    def _evaluating(self):
        """Evaluation mode, which the last of several threads gives back."""
        with MODES:
            if not self._users:
                self._mode = self.training
                self.eval()
            self._users += 1
        try:
            yield
        finally:
            with MODES:
                self._users -= 1
                if not self._users:
                    self.train(self._mode)


def _shares(indicators, error, frequencies):
    """Probability of each label, (n, C), by Bayes' rule; `frequencies` as in `AuxVAE`."""
    apart = (indicators[:, None] - torch.eye(indicators.shape[1]).to(indicators)).square().sum(2)
    return (torch.tensor(frequencies).to(indicators).log() - apart / (2 * error**2)).softmax(1)
