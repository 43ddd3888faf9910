r"""Inter-independence by mutual information, the paper's first open question: a critic learns to tell true pairs apart.

The mutual information of free latents and factors, I(z_recon; u), is 0 only where they are independent, whatever the
dependence looks like. It has no closed form here. A *critic* T, a small network, sees pairs (z_recon, u) and estimates
it in one of two ways, both for `training.fit`:

- `mine_terms`: the bound of Donsker and Varadhan, which the critic makes as large as it can (MINE),

  .. math:: I \ge \mathbb E_{p(z,u)} T - \log \mathbb E_{p(z)p(u)} e^T;

- `ratio_terms`: the critic learns by logistic regression to tell pairs of one image from shuffled ones. Its optimum is
  the logarithm of the density ratio, whose mean is the mutual information,

  .. math:: T = \log \frac{p(z, u)}{p(z)\,p(u)}, \qquad I = \mathbb E_{p(z,u)} T.

The encoder makes the estimate small, with the weight lambda_2, while the critic's own gradient has the other sign
(gradient reversal).

*What it does not promise.* The first is a lower bound, and the encoder pushes it from above: it can come down because
z_recon has become independent, or because the critic has fallen behind. Where the critic is weak, nothing is pushed
down. The second is no bound at all. Both need another measure for a check, such as `sensitivity.told`.

`fit(config, data, model_class=CriticVAE, terms=mine_terms)` trains it; `config.dependence` is then not used.

References:
    Belghazi et al. 2018, "Mutual information neural estimation" (MINE); Donsker and Varadhan 1983; Sugiyama, Suzuki and
    Kanamori 2012, "Density ratio estimation in machine learning"; Kim and Mnih 2018, "Disentangling by factorising"
    (FactorVAE), for a ratio as a penalty; Ganin et al. 2016 for gradient reversal; Poole et al. 2019, "On variational
    bounds of mutual information", for the variance of such bounds. Cheng et al. 2020 have an upper bound (CLUB), if
    q(u|z) is right. Chapter 14.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from .. import training
from ..models import AuxVAE, Posterior

__all__ = [
    "Critic",
    "CriticOutput",
    "CriticVAE",
    "Scores",
    "estimate",
    "jensen_shannon",
    "lower_bound",
    "mine_terms",
    "mirrored",
    "ratio",
    "ratio_terms",
]

UNITS = 64  # of each of the critic's two layers
SHIFTS = 4  # shuffled pairs for each true one


class Scores(NamedTuple):
    """A critic's T of true pairs, shape (B,), and of shuffled ones, shape (S B,)."""

    paired: Tensor
    shuffled: Tensor


class Critic(nn.Module):
    """Two layers of 64 units, from one pair (z_recon, u) to one number T; 0 for all pairs at first.

    Latents come in as asinh(z), then every column is standardised over the batch. Neither changes what z_recon tells of
    u, and a few rows far out do not hide the others.

    Arguments:
        latents, factors: Numbers of columns J and K, at least 1.
    """

    def __init__(self, latents, factors):
        super().__init__()
        columns = latents + factors
        self.standard = nn.BatchNorm1d(columns, affine=False)
        layers = [nn.Linear(columns, UNITS), nn.SiLU(), nn.Linear(UNITS, UNITS), nn.SiLU(), nn.Linear(UNITS, 1)]
        self.network = nn.Sequential(*layers)
        nn.init.zeros_(layers[-1].weight)
        nn.init.zeros_(layers[-1].bias)

    def forward(self, z, u):
        """T of the rows as they are, and of each latent row with the factors of the next rows.

        Arguments:
            z: Free latents, shape (B, J).
            u: Scaled factors, shape (B, K); B at least 2 in training.

        Returns:
            `Scores`, with S = 4 or, in smaller batches, B - 1. Rows are shifted, not drawn: a training batch has its
            rows in random order already. A single row has no other, and is compared with itself.
        """
        z, u = self.standard(torch.cat([z.asinh(), u], dim=1)).split([z.shape[1], u.shape[1]], dim=1)
        shifts = range(max(2, min(SHIFTS + 1, len(u))))  # 0 for the true pairs
        pairs = torch.cat([z.repeat(len(shifts), 1), torch.cat([u.roll(s, 0) for s in shifts])], dim=1)
        return Scores(*self.network(pairs)[:, 0].tensor_split([len(u)]))


class CriticOutput(NamedTuple):
    """`Output`, then two `Scores` of equal values: `frozen` has a gradient for z, `learning` for the critic alone."""

    x_hat: Tensor
    posterior: Posterior
    z: Tensor
    frozen: Scores
    learning: Scores


class CriticVAE(AuxVAE):
    """An Aux-VAE with a critic of its free latents. The critic is part of the model, and is saved with it.

    The critic sees samples of z_recon, not means. The decoder reads samples, and the question is what *they* tell.
    Means have no noise: a mean that moves by a millionth with a factor tells all of it, so that the mutual information
    could not come down before it is exactly 0. In evaluation mode z is the mean, so the `inter` of validation rows is
    not that of training.

    Without factors, or without free latents, there is nothing to judge: T is 0.

    Arguments, Raises: As in `AuxVAE`.
    """

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        K = self.guided_dim
        self.critic = Critic(self.latent_dim - K, K) if 0 < K < self.latent_dim else None

    def forward(self, x, generator=None, u=None):
        """As `AuxVAE.forward`, and the critic's scores.

        Arguments:
            x: Scaled images, shape (B, C, H, W).
            generator: `torch.Generator` of the sample; the critic draws nothing.
            u: Scaled factors, shape (B, K).

        Returns:
            `CriticOutput`.

        Raises:
            ValueError: without `u`, where there is a critic.
        """
        output = super().forward(x, generator, u)
        if self.critic is None:
            nothing = Scores(*x.new_zeros(2, len(x)))
            return CriticOutput(*output, nothing, nothing)
        if u is None:
            raise ValueError(
                "CriticVAE's forward pass needs the factors: model(x, generator, u). For codes, use encode"
            )
        z = output.z[:, self.guided_dim :]
        fixed = {name: weight.detach() for name, weight in self.critic.named_parameters()}
        judged = functional_call(self.critic, fixed, (z, u)), self.critic(z.detach(), u)
        return CriticOutput(*output, *(Scores(*(T.to(x.dtype) for T in scores)) for scores in judged))


def lower_bound(scores):
    """The bound of Donsker and Varadhan, in nats: the mean of T over true pairs, less log E exp T over shuffled ones.

    Both means are the batch's. The logarithm of a mean of few pairs is too small on average, so that a batch's bound is
    too large on average.
    """
    return scores.paired.mean() - scores.shuffled.logsumexp(0) + math.log(len(scores.shuffled))


def jensen_shannon(scores):
    """What logistic regression makes large: log-likelihood of "true" and "shuffled", less that of guessing, in nats.

    Half and half, whatever the numbers of pairs; at most log 2, and for the best T the Jensen-Shannon divergence.
    """
    right = nn.functional.logsigmoid
    return (right(scores.paired).mean() + right(-scores.shuffled).mean()) / 2 + math.log(2)


def ratio(scores):
    """The mean of T over true pairs, in nats: the mutual information, if T is the log density ratio; no bound."""
    return scores.paired.mean()


def mine_terms(config, output, x, u, prior_variance):
    """`training.terms`, with the critic's `lower_bound` as inter; arguments as there, `output` a `CriticOutput`."""
    return _terms(config, output, x, u, prior_variance, lower_bound, lower_bound)


def ratio_terms(config, output, x, u, prior_variance):
    """`training.terms`, with `ratio` as inter; the critic learns `jensen_shannon`. Arguments as in `mine_terms`."""
    return _terms(config, output, x, u, prior_variance, ratio, jensen_shannon)


def _terms(config, output, x, u, prior_variance, penalty, aim):
    """The critic's aim joins the reconstruction with value 0, since that term alone has a weight, 1/P, in every run.

    Adam is indifferent to the weight. It is small, so that the critic hardly counts in the norm that `clip` limits.
    """
    parts = training.terms(config, output, x, u, prior_variance)
    reached = aim(output.learning)
    reconstruction = parts.reconstruction - (reached - reached.detach())
    return parts._replace(reconstruction=reconstruction, inter=penalty(output.frozen))


def mirrored(n, seed=0, changes=4):
    r"""A latent that no polynomial penalty of degree 3 sees, though its sign is a function of the factor.

    .. math:: u \sim \mathcal U(-1, 1), \quad n \sim \mathcal N(0, 1), \qquad
              z = |n| \operatorname{sign} \sin((m + 1) \arccos u)

    The sign changes m times, at the zeros of a Chebyshev polynomial of the second kind, and is orthogonal to every
    polynomial of u of a degree below m. \|n\| is independent of u. So every power of z is uncorrelated with u, ...,
    u^(m - 1), while z tells u's sign pattern: I(z; u) = log 2. Alone, z is a standard normal number.

    Arguments:
        n: Number of rows.
        seed: Of the draws.
        changes: m, of the sign; 4 escapes degree 3.

    Returns:
        z and u, shape (n, 1) each.

    References:
        The sign of a Chebyshev polynomial of the second kind: Rivlin 1974, "The Chebyshev polynomials", on best
        approximation in the mean.
    """
    generator = torch.Generator().manual_seed(seed)
    u = 2 * torch.rand(n, 1, generator=generator) - 1
    size = torch.randn(n, 1, generator=generator).abs()
    return size * torch.sin((changes + 1) * u.arccos()).sign(), u


def estimate(z, u, penalty=lower_bound, aim=lower_bound, steps=1000, seed=0):
    """Mutual information of given rows, by a critic of its own: half of the rows teach it, the others are estimated.

    Arguments:
        z: Latents, shape (n, J), rows in random order.
        u: Factors, shape (n, K).
        penalty, aim: What is estimated, and what the critic makes large: `lower_bound` for both, or `ratio` and
            `jensen_shannon`.
        steps: Of Adam, each with 256 rows.
        seed: Of the critic's first weights and of the batches.

    Returns:
        The estimate in nats, a float.

    Example:
        >>> 0.4 < estimate(*mirrored(8000)) < math.log(2)
        True
    """
    generator, half = torch.Generator().manual_seed(seed), len(z) // 2
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        critic = Critic(z.shape[1], u.shape[1])
    optimiser = torch.optim.Adam(critic.parameters(), lr=3e-3)
    for _ in range(steps):
        rows = torch.randint(half, (256,), generator=generator)
        optimiser.zero_grad()
        (-aim(critic(z[rows], u[rows]))).backward()
        optimiser.step()
    with torch.no_grad():
        return float(penalty(critic.eval()(z[half:], u[half:])))
