r"""What the Aux-VAE is compared with; image likelihood, encoder and decoder are those of `AuxVAE` for every method.

- VAE and beta-VAE: `AuxVAE` itself with `Config(factors=())`. The loss is then (R + beta KL)/P with the prior N(0, I),
  and lambda_1, lambda_2 and prior_variance do nothing.
- IDVAE, the identifiable double VAE: `fit_idvae`. The factors shape the prior and, where shown, the posterior.
- Supervised: `fit_supervised`. Encoder from labels alone, decoder from pictures alone: what do the labels buy?
"""

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .. import training
from ..divergences import kl_diag_normal
from ..models import AuxVAE, Output, Posterior

__all__ = [
    "DoubleOutput",
    "IDVAE",
    "Supervised",
    "fit_idvae",
    "fit_supervised",
    "idvae_terms",
    "supervised_terms",
]


class DoubleOutput(NamedTuple):
    """`Output`, then the prior q_psi(z|u), a `Posterior` of (B, d) each, and decoded scaled factors u_hat (B, K)."""

    x_hat: Tensor
    posterior: Posterior
    z: Tensor
    prior: Posterior
    u_hat: Tensor


class IDVAE(AuxVAE):
    r"""Identifiable double VAE: a VAE of the factors, u to z to u_hat, whose encoder is the image VAE's prior.

    The posterior q(z|x,u) sees the answer. So that codes can be had without it, each image's factors are hidden with
    probability 1 - `shown_share` in training: the encoder's last layer receives (features, u * shown, shown), with
    shown 0 or 1, and one encoder learns q(z|x,u) and q(z|x), both with a valid ELBO. In evaluation mode, and in
    `encode`, the factors are always hidden; `encode_with` shows them.

    No latent belongs to a factor by name: `evaluate` gives `corr_NAME` of latent j with factor j all the same, and it
    means nothing here. Nor does `latent_activity`'s KL, whose prior is the Aux-VAE's.

    Arguments:
        As in `AuxVAE`.

    Raises:
        ValueError: without factors, and as in `AuxVAE`.

    References:
        Mita, Filippone and Michiardi, An Identifiable Double VAE For Disentangled Representations, ICML 2021. Their
        networks of the factors have three layers of 1,000 units, ours two of `hidden`; their u enters one layer
        before the last, and is never hidden.
    """

    guided = False
    hidden = 256  # units of the factor networks' layers: five factors need no 1,000
    shown_share = 0.5  # of the images in training; half for either posterior

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if not self.factors:
            raise ValueError("IDVAE needs factors for its prior, got none; for a VAE, use AuxVAE with factors=()")
        K, d = self.guided_dim, self.latent_dim
        self.label = nn.Linear(K + 1, 2 * d, bias=False)  # the columns of the encoder's last layer that read the label
        self.prior = self._network(K, 2 * d)
        self.factor_decoder = self._network(d, K)

    def _network(self, ins, outs):
        layers = [nn.Linear(ins, self.hidden), nn.LeakyReLU(0.2), nn.Linear(self.hidden, self.hidden)]
        return nn.Sequential(*layers, nn.LeakyReLU(0.2), nn.Linear(self.hidden, outs))

    def forward(self, x, generator=None, u=None):
        """Both VAEs: sample in training, showing each image's factors by chance; means and hidden factors otherwise.

        Arguments:
            x: Scaled images, shape (B, C, H, W).
            generator: `torch.Generator` of the hiding and of both samples.
            u: Scaled factors, shape (B, K).

        Returns:
            `DoubleOutput`; x_hat is scaled like `x`, u_hat like `u`.

        Raises:
            ValueError: without `u`.
        """
        if u is None:
            raise ValueError("IDVAE's forward pass needs the factors: model(x, generator, u). For codes, use encode")
        code, sample = self.encoder(x), self.training
        if sample:
            shown = (torch.rand(len(x), 1, generator=generator, dtype=torch.float32) < self.shown_share).to(u)
            code = code + self.label(torch.cat([u * shown, shown], dim=1))
        posterior = Posterior(*code.to(x.dtype).chunk(2, dim=1))
        prior = Posterior(*self.prior(u).to(u.dtype).chunk(2, dim=1))
        z = posterior.sample(generator) if sample else posterior.mu
        u_hat = self.factor_decoder(prior.sample(generator) if sample else prior.mu).to(u.dtype)
        return DoubleOutput(self.decoder(z[:, :, None, None]).to(x.dtype), posterior, z, prior, u_hat)

    @torch.no_grad()
    def encode_with(self, images, u):
        """Posterior q(z|x,u) of images whose factors are shown, to measure what leaks; as `encode` otherwise.

        Arguments:
            images: In data units, shape (n, C, H, W).
            u: Factors in their own units, shape (n, K), columns as in `self.factors`.

        Returns:
            `Posterior` with mu and logvar of shape (n, d).

        Raises:
            ValueError: as in `encode` and `generate`.
        """
        u = self._scaled_factors(u)
        code = torch.cat(self.encode(images), dim=1) + self.label(torch.cat([u, torch.ones_like(u[:, :1])], dim=1))
        return Posterior(*code.chunk(2, dim=1))

    @torch.no_grad()
    def generate(self, u, generator=None):
        """New images with given factors, decoded from q_psi(z|u): its mean, or a sample if there is a `generator`.

        Arguments, result and error as in `AuxVAE.generate`.
        """
        prior = Posterior(*self.prior(self._scaled_factors(u)).chunk(2, dim=1))
        return self.decode(prior.mu if generator is None else prior.sample(generator))

    def traverse(self, image, latent, values):
        """As `AuxVAE.traverse`, by index alone.

        Raises:
            ValueError: for a name, and as in `AuxVAE.traverse`.
        """
        if isinstance(latent, str):
            raise ValueError(f"no latent of an IDVAE is {latent!r} by name; give an index, 0 to {self.latent_dim - 1}")
        return super().traverse(image, latent, values)


def idvae_terms(config, output, x, u, prior_variance):
    r"""IDVAE's two objectives; `training.total` adds them with lambda_1 = 1.

    .. math:: \frac{R + \beta\,\mathrm{KL}(q(z|x,u)\,\|\,q_\psi(z|u))}{P}
              + \|u - \hat u\|^2 + \gamma\,\mathrm{KL}(q_\psi(z|u)\,\|\,\mathcal N(0, I)),\qquad \gamma = \lambda_2

    The first KL sends no gradient to the prior, as in the authors' code: with two sets of parameters that share no
    gradient, one Adam does what their two do. Only `Config.clip` joins the two, by its common norm.

    Arguments:
        config: `Config`, with gamma as its lambda_2.
        output: `DoubleOutput`.
        x, u: As in `training.terms`.
        prior_variance: Not used.

    Returns:
        `Terms`: R; the first KL; the factor VAE's whole loss as explicitness; 0; 0. A hidden factor changes neither
        formula: q(z|x) takes the place of q(z|x,u).

    References:
        Mita, Filippone and Michiardi 2021.
    """
    prior = Posterior(*(part.detach() for part in output.prior))
    kl = kl_diag_normal(*output.posterior, prior.mu, (0.5 * prior.logvar).exp()).sum(1).mean()
    factor_error = ((output.u_hat - u) ** 2).sum(1).mean()
    factor_kl = kl_diag_normal(*output.prior).sum(1).mean()
    zero = torch.zeros_like(kl)
    return training.Terms(
        training.reconstruction(config, output.x_hat, x), kl, factor_error + config.lambda_2 * factor_kl, zero, zero
    )


def fit_idvae(config, data, validation=None, gamma=1.0, **options):
    """Train an `IDVAE`.

    Arguments:
        config: `Config`; its lambda_1 becomes 1, and its lambda_2 `gamma`. The model's provenance has it so.
        data, validation: As in `training.fit`.
        gamma: Weight of the factor VAE's KL, at least 0; 1 in the authors' code.
        options: `checkpoint` and the like, as in `training.fit`.

    Returns:
        `Fit`.
    """
    config = replace(config, lambda_1=1.0, lambda_2=gamma)
    return training.fit(config, data, validation, model_class=IDVAE, terms=idvae_terms, **options)


class Supervised(AuxVAE):
    """A regression of the factors on the image, and a decoder of its result, which teaches the encoder nothing.

    One latent for each factor, and nothing is sampled. The posterior's logvar is never trained.

    Arguments:
        As in `AuxVAE`.

    Raises:
        ValueError: unless there is one latent for each factor, and as in `AuxVAE`.
    """

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if self.latent_dim != self.guided_dim:
            given = f"got {self.latent_dim} for {', '.join(self.factors) or 'none'}; fit_supervised sets latent_dim"
            raise ValueError(f"Supervised needs one latent for each factor, {given}")

    def forward(self, x, generator=None, u=None):
        """Encode, and decode the mean; arguments and result as in `AuxVAE.forward`."""
        posterior = Posterior(*self.encoder(x).to(x.dtype).chunk(2, dim=1))
        z = posterior.mu.detach()
        return Output(self.decoder(z[:, :, None, None]).to(x.dtype), posterior, z)


def supervised_terms(config, output, x, u, prior_variance):
    r"""R for the decoder, and for the encoder the part of the Aux-VAE's KL that holds the mean.

    .. math:: R = \frac{1}{2\sigma^2}\sum_{\text{pixels}} (x - \hat x)^2,\qquad
              \mathrm{KL} = \frac{1}{2 s^2}\sum_{k} (\mu_k - u_k)^2

    Encoder and decoder share no gradient, so that beta and s^2 = prior_variance scale the encoder's alone, to which
    Adam is indifferent; only `Config.clip` joins the two, by its common norm.

    Arguments:
        config, output, x, u, prior_variance: As in `training.terms`.

    Returns:
        `Terms`, the penalties 0.
    """
    kl = ((output.posterior.mu - u) ** 2).sum(1).mean() / (2 * prior_variance)
    zero = torch.zeros_like(kl)
    return training.Terms(training.reconstruction(config, output.x_hat, x), kl, zero, zero, zero)


def fit_supervised(config, data, validation=None, **options):
    """Train a `Supervised`; as `training.fit`, with `latent_dim` the number of columns that the factors need."""
    names = data.names if config.factors is None else config.factors
    config = replace(config, latent_dim=max(1, sum(kind.width for kind in data.kinds_like(names))))
    return training.fit(config, data, validation, model_class=Supervised, terms=supervised_terms, **options)
