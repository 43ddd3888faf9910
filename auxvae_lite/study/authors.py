r"""The authors' published code, every difference from the paper and from our core in one place.

- KL with *unit* prior variance, not 1/n.
- Reconstruction: squared differences of log10(x + 1e-10) of min-max scaled pixels, so that empty pixels dominate.
- Explicitness and intra-independence at degree 1 on *sampled* z_aux; inter-independence at degree 3 on means.
- ReLU without batch norm, a sigmoid output, Adam at a constant 1e-3, batches of 64.
- LDS over the first three factors.

`fit(config(), data)` trains it; constant noise is `simulate(..., constant_noise=True)`. Chapter 13 measures what each
difference changes.
"""

import torch
from torch import nn

from .. import training
from ..divergences import kl_diag_normal
from ..metrics import lds as lds_of_all
from ..models import AuxVAE
from ..priors import targeted_prior
from ..regularizers import penalties
from ..scalings import LOG_FLOOR

__all__ = ["AuthorsVAE", "SigmoidVAE", "config", "fit", "lds", "log10_terms", "sampled_terms", "terms"]


def config(**changes):
    """The settings of the authors' galaxy script, as a `Config`.

    Arguments:
        changes: Fields of `Config` to set otherwise, such as `epochs`; the authors' 1,000 take hours.

    Returns:
        `training.Config`.
    """
    settings = training.PAPER | {
        "widths": (32, 64, 128, 256),
        "beta": 20.0,
        "lambda_1": 0.5,
        "lambda_2": 0.4,
        "prior_variance": 1.0,
        "epochs": 1000,
        "batch_size": 64,
        "lr": 1e-3,
        "schedule": "constant",
        "clip": None,
        "image_scaling": "minmax",
        "factor_scaling": "minmax",
    }
    return training.Config(**settings | changes)


class AuthorsVAE(AuxVAE):
    """The authors' network: ReLU, no batch norm, a sigmoid output, for images of 33x33 pixels.

    Raises:
        ValueError: for images of another size.
    """

    def make_encoder(self, channels, sizes):
        layers, ins = [], channels
        for outs in self.widths:
            layers += [nn.Conv2d(ins, outs, 4, stride=2, padding=1), nn.ReLU()]
            ins = outs
        H, W = sizes[-1]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(ins * H * W, 2 * self.latent_dim))

    def make_decoder(self, channels, sizes):
        if sizes[0] != (33, 33):
            raise ValueError(f"the authors' decoder makes 33x33 pixels, got {sizes[0]}; use AuxVAE for other sizes")
        layers, ins = [], self.latent_dim
        for outs in self.widths[-2::-1]:
            layers += [nn.ConvTranspose2d(ins, outs, 4, stride=2, padding=1), nn.ReLU()]
            ins = outs
        return nn.Sequential(*layers, nn.ConvTranspose2d(ins, channels, 5, stride=4), nn.Sigmoid())


class SigmoidVAE(AuxVAE):
    """Our network with the authors' sigmoid at its end, which `log10_terms` needs: a logarithm takes no negative."""

    def make_decoder(self, channels, sizes):
        return nn.Sequential(*super().make_decoder(channels, sizes), nn.Sigmoid())


def terms(config, output, x, u, prior_variance):
    """The authors' five terms; arguments and result as in `training.terms`."""
    mu, logvar = output.posterior
    kl = kl_diag_normal(mu, logvar, *targeted_prior(u, mu.shape[1], prior_variance))
    return training.Terms(_squares(output.x_hat, x), kl.sum(1).mean(), *_penalties(config, output, u))


def log10_terms(config, output, x, u, prior_variance):
    """Our terms, but for the reconstruction: the authors' logarithms, neither halved nor divided by sigma^2."""
    return training.terms(config, output, x, u, prior_variance)._replace(reconstruction=_squares(output.x_hat, x))


def sampled_terms(config, output, x, u, prior_variance):
    """Our terms, but for explicitness and intra, which see *sampled* z_aux."""
    explicit, intra, inter = _penalties(config, output, u)
    ours = training.terms(config, output, x, u, prior_variance)
    return ours._replace(explicitness=explicit, intra=intra, inter=inter)


def _squares(x_hat, x):
    difference = torch.log10(x_hat + LOG_FLOOR) - torch.log10(x + LOG_FLOOR)
    return (difference**2).flatten(1).sum(1).mean()


def _penalties(config, output, u):
    K = u.shape[1]
    return penalties(torch.cat([output.z[:, :K], output.posterior.mu[:, K:]], dim=1), u, config.degree)


def fit(config, data, validation=None, **options):
    """Train the authors' network with the authors' loss; `options`, such as `checkpoint`, as in `training.fit`."""
    return training.fit(config, data, validation, model_class=AuthorsVAE, terms=terms, **options)


def lds(z, u):
    """The authors' LDS, over the first three factors (flux, radius, g1); as `metrics.lds`."""
    return lds_of_all(z, u[:, :3])
