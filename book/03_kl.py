# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # KL: what it costs to disagree with the prior
#
# [![Open this chapter in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_GITHUB_OWNER/auxvae-lite/blob/main/book/03_kl.ipynb)
# [![Launch this chapter on Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/YOUR_GITHUB_OWNER/auxvae-lite/main?urlpath=lab/tree/book/03_kl.ipynb)
#
# [Module `divergences`](api.md#divergences) · Section 3, Eqs. 4 and 5, of [arXiv
# 2507.00298](https://arxiv.org/abs/2507.00298)
#
# The encoder answers every image with a Gaussian, the prior expected another one; the Kullback-Leibler divergence is
# the price of the difference, in nats. We work it out with a pencil, see how it pulls, and meet a second divergence
# that no pencil can do.
#
# **After this chapter you can**
#
# - derive the divergence of two Gaussians, and name its two terms;
# - compute it without losing its digits, and check it by sampling;
# - say how it pulls on a mean and on a width, and what an encoder pays that ignores its image;
# - carry a $\beta$ from one convention of sums and means to another;
# - explain why the divergence of the aggregate posterior is hard, and by how much an estimate of it is off.
#
# **You need** the targeted prior of [chapter 2](02_prior.ipynb). **Helpful**: [notation](notation.md). **Time**: 45
# minutes of reading, more with a pencil; the code runs for about ten seconds on one core.

# %% tags=["remove-cell"]
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("auxvae_lite") is None:  # Colab: fetch the package, leave its torch alone
    address = "git+https://github.com/YOUR_GITHUB_OWNER/auxvae-lite"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", address], check=True)

# %% tags=["parameters"]
n = 11468  # training images: the prior of a guided latent has variance 1/n
rho = 0.9  # the toy of the aggregate posterior: correlation of each latent with its image
latents = 2  # its number of latents
sizes = [4, 16, 64, 256, 1024]  # its numbers of images
repeats = 20  # times that each is drawn
galaxy_rows = 1000  # galaxies shown to the trained models
seed = 0

# %% [markdown]
# ## Predict first
#
# *Given two Gaussians $\mathcal N(\mu_1, \Sigma_1)$ and $\mathcal N(\mu_2, \Sigma_2)$, what are the two terms in their
# KL divergence?* And a guess before you go on: if the second Gaussian is a hundred times narrower than you thought, how
# much dearer does the same distance between the means become?
#
# <details><summary>Answer</summary>
#
# One term for the centres and one for the shapes, and neither is ever negative:
#
# $$
# \mathrm{KL} = \underbrace{\tfrac12 (\mu_1-\mu_2)^\top \Sigma_2^{-1} (\mu_1-\mu_2)}_{\text{distance of the means}}
# + \underbrace{\tfrac12\Bigl(\operatorname{tr}(\Sigma_2^{-1}\Sigma_1) - d
# - \log\frac{\det\Sigma_1}{\det\Sigma_2}\Bigr)}_{\text{mismatch of the covariances}}.
# $$
#
# The first is half the squared distance, counted in widths of the *second* Gaussian. A hundred times narrower makes it
# ten thousand times dearer. (Some count three terms: trace, distance, log-determinant. Only this grouping has parts
# that vanish one by one: the first when the means agree, the second when the covariances do.)
#
# </details>

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from auxvae_lite import divergences, training
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.divergences import aggregate_kl, kl_diag_normal, kl_monte_carlo
from auxvae_lite.pages import pretrained
from auxvae_lite.pages.teaching import check, show_source
from auxvae_lite.priors import targeted_prior
from auxvae_lite.regularizers import pearson
from auxvae_lite.simulators import galaxies


# %%
def generator(offset=0):
    """A fresh source of random numbers: a cell run again gives the same."""
    return torch.Generator().manual_seed(seed + offset)


def normal(*shape, offset=0):
    """Standard normal numbers in float64, the same each time."""
    return torch.randn(*shape, generator=generator(offset), dtype=torch.float64)


# %% [markdown]
# ## What it is
#
# For two densities $q$ and $p$,
#
# $$
# \mathrm{KL}(q \,\|\, p) = \int q(z) \log\frac{q(z)}{p(z)}\,dz = \mathbb E_{z \sim q}[\log q(z) - \log p(z)]. \tag{3.1}
# $$
#
# With the natural logarithm its unit is the *nat*. It is never negative, because $\log t \le t - 1$ for every $t > 0$,
# with equality at $t = 1$ only (the line is the tangent of the curve there). Put $t = p/q$:
#
# $$
# -\mathrm{KL} = \int q \log\frac pq\,dz \;\le\; \int q\,\Bigl(\frac pq - 1\Bigr)dz = \int p\,dz - \int q\,dz \le 0, \tag{3.2}
# $$
#
# with integrals over the $z$ where $q > 0$: there $p$ may hold less than all of its mass, hence the last $\le$. (Where
# $q$ has mass and $p = 0$, KL is infinite.) KL is
# zero only if $p = q$ wherever $q$ has mass. It is no distance: exchange $q$ and $p$ and you get another number.
#
# ## One dimension, by hand
#
# Let $q = \mathcal N(\mu, \sigma^2)$ be the encoder's answer and $p = \mathcal N(\mu_0, s^2)$ the prior. The logarithm
# of a Gaussian density is
#
# $$
# \begin{aligned}
# \log q(z) &= -\tfrac12\log(2\pi\sigma^2) - \frac{(z-\mu)^2}{2\sigma^2}, \cr
# \log p(z) &= -\tfrac12\log(2\pi s^2) - \frac{(z-\mu_0)^2}{2s^2}.
# \end{aligned} \tag{3.3}
# $$
#
# In the difference the $2\pi$ cancels:
#
# $$
# \log q(z) - \log p(z) = \tfrac12\log\frac{s^2}{\sigma^2} - \frac{(z-\mu)^2}{2\sigma^2} + \frac{(z-\mu_0)^2}{2s^2}. \tag{3.4}
# $$
#
# We need the mean of the two squares under $q$. Write $z = \mu + \sigma t$, where $t$ has the standard normal density
# $\varphi(t)$. Since $\varphi'(t) = -t\,\varphi(t)$, integration by parts gives
#
# $$
# \begin{aligned}
# \mathbb E\,t^2 &= \int t \cdot t\,\varphi(t)\,dt
# = \bigl[-t\,\varphi(t)\bigr]_{-\infty}^{\infty} + \int \varphi(t)\,dt = 0 + 1, \cr
# \mathbb E\,t &= \int t\,\varphi(t)\,dt = \bigl[-\varphi(t)\bigr]_{-\infty}^{\infty} = 0.
# \end{aligned} \tag{3.5}
# $$
#
# So the first square is $\mathbb E(z-\mu)^2 = \sigma^2\,\mathbb E\,t^2 = \sigma^2$. For the second, go through $\mu$;
# the cross term has mean zero:
#
# $$
# \begin{aligned}
# \mathbb E(z-\mu_0)^2 &= \mathbb E\bigl(\sigma t + (\mu-\mu_0)\bigr)^2 \cr
# &= \sigma^2\,\mathbb E\,t^2 + 2\sigma(\mu-\mu_0)\,\mathbb E\,t + (\mu-\mu_0)^2 \cr
# &= \sigma^2 + (\mu-\mu_0)^2.
# \end{aligned} \tag{3.6}
# $$
#
# Put both into the mean of (3.4):
#
# $$
# \mathrm{KL} = \frac12\left[\log\frac{s^2}{\sigma^2} - 1 + \frac{\sigma^2 + (\mu-\mu_0)^2}{s^2}\right]. \tag{3.7}
# $$
#
# Only ratios to the prior's width occur. With $r = \log(\sigma^2/s^2)$, the log-variance counted from the prior's,
#
# $$
# \mathrm{KL} = \tfrac12\bigl(\underbrace{e^{r} - 1 - r}_{\text{widths}}
# \;+\; \underbrace{(\mu-\mu_0)^2/s^2}_{\text{means}}\bigr). \tag{3.8}
# $$
#
# Both parts are at least 0: the second is a square, the first is the gap between $e^r$ and its tangent $1 + r$ at 0. So
# KL vanishes if and only if $\mu = \mu_0$ and $\sigma = s$.
#
# ## Many latents: Eq. 4
#
# Diagonal Gaussians are products, $q(z) = \prod_j q_j(z_j)$ and $p(z) = \prod_j p_j(z_j)$. The logarithm of a product
# is a sum, and the mean of $\log q_j(z_j) - \log p_j(z_j)$ involves $z_j$ alone, since all other factors of $q$
# integrate to 1:
#
# $$
# \begin{aligned}
# \mathrm{KL}\Bigl(\prod_j q_j \,\Big\|\, \prod_j p_j\Bigr) &= \sum_{j=1}^d \mathrm{KL}(q_j \,\|\, p_j) \cr
# &= \tfrac12\sum_{j=1}^d \left[\frac{\sigma_j^2 + (\mu_j-\mu_{0,j})^2}{s_j^2} - 1
# - \log\frac{\sigma_j^2}{s_j^2}\right].
# \end{aligned} \tag{3.9, Eq. 4}
# $$
#
# For the targeted prior, the first $K$ latents have $\mu_{0,j} = u_j$ and $s_j^2 = 1/n$, the others $\mu_{0,j} = 0$ and
# $s_j^2 = 1$. The package returns the summands and leaves the sum to its caller:

# %%
show_source(kl_diag_normal)

# %% [markdown]
# | symbol | name | unit | shape |
# |---|---|---|---|
# | $\mu$ | `mu` | latent units | (B, d) |
# | $\log\sigma^2$ | `logvar` | none (a logarithm) | (B, d) |
# | $\mu_0$ | `prior_mean` | latent units | (B, d), or a number |
# | $s$ | `prior_std` | latent units | (d,), or a number |
# | $r$ | `r` | none | (B, d) |
# | KL | returned | nats | (B, d) |
#
# <details><summary>And if the covariances are not diagonal?</summary>
#
# The steps are the same. $\log q - \log p$ is $\tfrac12\log(\det\Sigma_2/\det\Sigma_1) - \tfrac12
# (z-\mu_1)^\top\Sigma_1^{-1} (z-\mu_1) + \tfrac12 (z-\mu_2)^\top\Sigma_2^{-1}(z-\mu_2)$. A number equals its trace, and
# a trace allows its factors to rotate: $\mathbb E\,a^\top M a = \operatorname{tr}(M\,\mathbb E\,a a^\top)$. With $a =
# z - \mu_1$ and $\mathbb E\,aa^\top = \Sigma_1$, the first form has the mean
# $\operatorname{tr}(\Sigma_1^{-1}\Sigma_1) = d$; the second, by the same detour through $\mu_1$ as in (3.6), has
# $\operatorname{tr}(\Sigma_2^{-1}\Sigma_1) + (\mu_1-\mu_2)^\top\Sigma_2^{-1} (\mu_1-\mu_2)$. Put together, that is the
# answer of *Predict first*. Its shape term is $\tfrac12\sum_i(\lambda_i - 1 - \log\lambda_i)$ over the eigenvalues
# $\lambda_i$ of $\Sigma_2^{-1}\Sigma_1$: (3.8) again, with $\lambda = e^r$.
#
# </details>
#
# ## Why `expm1`
#
# A free latent that carries little has $r$ near 0, where $e^r - 1 - r \approx r^2/2$ is tiny. Computers store `float32`
# numbers just above 1 in steps of $2^{-23} \approx 1.2 \cdot 10^{-7}$, so $e^r$ is rounded by up to $6 \cdot 10^{-8}$.
# At $r = 10^{-4}$ the gap should be $5 \cdot 10^{-9}$ (and half of it the KL): the rounding is up to twelve times the
# answer. `expm1(r)` computes $e^r - 1$ directly and keeps its leading digits.

# %% tags=["nbval-ignore-output"]
r = torch.tensor([1e-5, 1e-4, 1e-3, 1e-2, 1e-1], requires_grad=True)
r64 = r.detach().double()
series = 0.5 * sum(r64**k / math.factorial(k) for k in range(2, 9))
without = 0.5 * (torch.exp(r) - 1 - r)
with_it = kl_diag_normal(torch.zeros(5), r)
slopes = [torch.autograd.grad(kl.sum(), r)[0] for kl in (without, with_it)]
slopes = [slope.double() / (0.5 * torch.expm1(r64)) for slope in slopes]
without, with_it = (kl.detach() / series for kl in (without, with_it))
print(f"{'r':>8} {'exact, nats':>12}   computed / exact:  {'exp':>8} {'expm1':>8}")
for row in zip(r.tolist(), series, without, with_it, strict=True):
    print("{:8.0e} {:12.3e} {:28.4f} {:8.4f}".format(*map(float, row)))
print("slope at 1e-4 / exact slope:", " ".join(f"{float(s[1]):.5f}" for s in slopes))

# %%
check("expm1 at 1e-4: computed / exact", with_it[1], 1.0, tol=0.01)
check("exp at 1e-4 is wrong by more than half", abs(without[1] - 1) > 0.5, 1, tol=0)

# %% [markdown]
# Here the naive form is about three times too large at $r = 10^{-4}$, and worse below. Two footnotes. In absolute terms
# the error is nothing, $10^{-8}$ nats; what it spoils is the *report*, a collapsed latent with a negative or invented
# divergence. And the slope, which is what training uses, is the same in both: autograd differentiates `expm1(r)` to
# $e^r$, and from that 1 is subtracted either way.
#
# ## Check it by hand
#
# Take $\mu = 1$, $\sigma = 1$ against a standard normal: the widths agree, and $\tfrac12 \cdot 1^2 = 0.5$ nats per
# latent are left. Five latents cost $+2.5$; ten cost 5, whatever the batch, because we average over images. After that
# comes PyTorch's own formula, for priors and posteriors of very different widths:

# %%
for batch in (8, 64):
    kl = kl_diag_normal(torch.ones(batch, 10), torch.zeros(batch, 10))
    check(f"shape, batch {batch}", kl.shape == (batch, 10), 1, tol=0)
    check("ten latents", kl.sum(1).mean(), 5.0, tol=0)
check("five latents, and positive", kl[:, :5].sum(1).mean(), 2.5, tol=0)
check("every latent twice", torch.cat([kl, kl], 1).sum(1).mean(), 10.0, tol=0)

# %%
worst = 0.0
for rows in (1, 10, 100, 11468):
    prior = targeted_prior(normal(64, 5), 10, 1 / rows)
    for logvar in (-10.0, -2.0, 0.0, 2.0):
        mu = normal(64, 10, offset=1)
        lv = torch.full_like(mu, logvar)
        theirs = kl_divergence(Normal(mu, (lv / 2).exp()), Normal(*prior))
        gap = (kl_diag_normal(mu, lv, *prior) - theirs).abs() / theirs.clamp(min=1)
        worst = max(worst, float(gap.max()))
check("largest relative difference from torch.distributions", worst, 0.0, tol=1e-10)

# %% [markdown]
# ### Sum or mean?
#
# Much confusion about $\beta$ comes from sums and means. Here KL is *summed* over latents and averaged over the
# batch, and $R$ is half the sum of squared errors over pixels, in units of the pixel noise $\sigma_x^2$ ([chapter
# 5](05_model.ipynb)). Another program that averages where we sum has silently multiplied its $\beta$. To convert,
# divide its loss by its own weight of our $R$; what then stands before our KL is the effective $\beta$. For "$\beta =
# 4$", ten latents, 33x33 pixels and $\sigma_x = 1$ (for another $\sigma_x$ divide the last column by $\sigma_x^2$:
# beside our 0.015, whose square is 0.000225, each is 4,444 times as large):

# %%
pixels, d, stated = 33 * 33, 10, 4.0
weights = {  # what multiplies our R, and our KL, in a program's loss
    "half the squares summed, KL summed": (1, 1),
    "squares summed, KL summed": (2, 1),
    "squares averaged, KL averaged over latents": (2 / pixels, 1 / d),
    "squares averaged, KL summed": (2 / pixels, 1),
}
for convention, (of_r, of_kl) in weights.items():
    print(f"{convention:<43} effective beta {stated * of_kl / of_r:8.1f}")

# %% [markdown]
# The same words, "beta = 4", and a factor of a thousand between them. (Whether a loss is averaged or summed over the
# *batch* multiplies $R$ and KL alike: $\beta$ stays, the learning rate does not.)
#
# ## Check it by Monte Carlo
#
# (3.1) is a mean, so sample $z \sim q$ and average $\ell = \log q(z) - \log p(z)$. How far off will that be? With $z =
# \mu + \sigma t$, (3.4) is a quadratic in $t$: $\ell = \text{const} + a\,t^2 + b\,t$, with
#
# $$
# \begin{aligned}
# a &= \tfrac12(e^r - 1), \qquad b = \frac{\sigma(\mu-\mu_0)}{s^2}, \cr
# \operatorname{Var}\ell &= a^2\operatorname{Var}t^2 + b^2\operatorname{Var}t + 2ab\operatorname{Cov}(t^2, t) = 2a^2 + b^2,
# \end{aligned} \tag{3.10}
# $$
#
# because $\mathbb E\,t^4 = 3\,\mathbb E\,t^2 = 3$ (by parts, as in (3.5)), so that $\operatorname{Var}t^2 = 3 - 1$, and
# odd moments vanish. The mean of $S$ independent samples has the standard error $\sqrt{(2a^2 + b^2)/S}$.
# `kl_monte_carlo` reports the same from the samples' own spread.

# %% tags=["nbval-ignore-output"]
mu, lv = torch.tensor([[0.8], [-1.0]], dtype=torch.float64)
closed = float(kl_diag_normal(mu, lv))
a, b = 0.5 * math.expm1(lv), float(mu * (lv / 2).exp())
counts = [100, 1000, 10_000, 100_000, 1_000_000]
estimates = [kl_monte_carlo(mu, lv, samples=S, generator=generator(S)) for S in counts]
print(f"closed form {closed:.4f} nats")
for S, (value, error) in zip(counts, estimates, strict=True):
    predicted = math.sqrt((2 * a**2 + b**2) / S)
    shown = f"{float(value):.4f} +- {float(error):.4f}"
    print(f"S = {S:>9,}: {shown}, by (3.10) +- {predicted:.4f}")

# %%
value, error = estimates[-1]
check("deviation in standard errors", (value - closed) / error, 0.0, tol=4)
check("reported / predicted error", error / predicted, 1.0, tol=0.01)

# %% mystnb={"image": {"alt": "Deviation of the sampled from the exact divergence against the number of samples, sixteen runs each. The dots fill the region below and around a falling line, the predicted standard error, which loses a factor of ten per factor of a hundred in samples."}}
figure, axis = plt.subplots(figsize=(5.6, 3.4))
S = np.array([10, 30, 100, 300, 1000, 3000, 10_000, 30_000])
sixteen = mu.expand(16), lv.expand(16)
for count in S:
    runs = kl_monte_carlo(*sixteen, samples=count, generator=generator(1))
    misses = (runs.value - closed).abs()
    axis.loglog([count] * 16, misses, "o", color="C0", ms=3, alpha=0.6)
expected = np.sqrt((2 * a**2 + b**2) / S)
axis.loglog(S, expected, color="C1", label="standard error by (3.10)")
axis.set_ylim(1e-4, 1)
axis.set_xlabel("samples $S$")
axis.set_ylabel("|sampled - exact| (nats)")
axis.legend()
plt.show()

# %% [markdown]
# Notice the slope: a hundred times the samples for one more digit. The closed form has all digits at once and no noise
# in its gradient; that is why Gaussians are worth the trouble.
#
# ## How it pulls
#
# Training goes down the slope. Differentiate (3.8) by what the encoder puts out, a mean and a log-variance, and by
# $\sigma$ for comparison:
#
# $$
# \frac{\partial\,\mathrm{KL}}{\partial\mu} = \frac{\mu-\mu_0}{s^2}, \quad
# \frac{\partial\,\mathrm{KL}}{\partial\log\sigma^2} = \tfrac12\Bigl(\frac{\sigma^2}{s^2} - 1\Bigr), \quad
# \frac{\partial\,\mathrm{KL}}{\partial\sigma} = \frac{\sigma}{s^2} - \frac1\sigma. \tag{3.11}
# $$
#
# The mean is on a spring of stiffness $1/s^2$: 1 for a free latent, $n$ for a guided one. The log-variance feels at
# most $\tfrac12$ when it is too small, whatever the prior, and a pull that grows without bound when it is too large.

# %% mystnb={"image": {"alt": "Two maps of arrows over the mean's offset and the logarithm of the variance. Left, prior variance 1: arrows curve towards a star at offset 0, log-variance 0, in pale colours of strength about 1. Right, prior variance 1/n: the star lies near log-variance minus 9, arrows above it point down or inwards, and colours are up to four powers of ten darker."}}
offset, logvar = np.meshgrid(np.linspace(-2, 2, 17), np.linspace(-13, 3, 17))
figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.8), sharey=True, layout="constrained")
for axis, s2, label in zip(axes, (1, 1 / n), ("1", f"1/{n:,}"), strict=True):
    pull = np.stack([-offset / s2, -0.5 * (np.exp(logvar) / s2 - 1)])
    strength = np.hypot(*pull).clip(1e-9)
    arrows = axis.quiver(offset, logvar, *(pull / strength),
                         np.log10(strength), angles="xy", scale=22, width=0.005,
                         cmap="viridis_r", clim=(-1, 5))  # fmt: skip
    axis.plot(0, math.log(s2), "*", color="C1", ms=14, mec="black")
    axis.set_title(f"prior variance {label}")
    axis.set_xlabel(r"$\mu - \mu_0$ (latent units)")
axes[0].set_ylabel(r"$\log\sigma^2$")
figure.colorbar(arrows, ax=axes, label=r"$\log_{10}$ of the pull (nats per unit)")
plt.show()

# %% [markdown]
# Arrows show the direction of the pull, colours its strength; the star is where it vanishes. Notice on the right that
# nearly everything is about the *mean* or about shrinking a width: an encoder that starts with $\sigma = 1$ under the
# tight prior is told to hit its target and to become certain, with pulls of thousands. They are the reason why `fit`
# clips gradients.
#
# ## Collapse: what ignoring the image costs
#
# An encoder that ignores $x$ gives every image the same $\mathcal N(m, v)$. Averaged over images, (3.7) becomes
#
# $$
# \begin{aligned}
# \overline{\mathrm{KL}} &= \tfrac12\left[\frac{v + \overline{(m-\mu_0)^2}}{s^2} - 1 - \log\frac{v}{s^2}\right], \cr
# \overline{\mathrm{KL}}_{\min} &= \frac{\operatorname{Var}\mu_0}{2 s^2} \quad\text{at } v = s^2,\; m = \overline{\mu_0}.
# \end{aligned} \tag{3.12}
# $$
#
# For a free latent the prior mean is always 0, so ignoring is *free*: it costs 0 nats, and a latent that does not earn
# its nats in better pictures will do exactly this (*posterior collapse*). For a guided latent $\mu_0 = u$ varies with
# variance 1, and ignoring costs $n/2$.
#
# That sheds light on a warning of the paper: with too small a $1/n$ the encoder ignores $x$ and follows the target
# ([chapter 10](10_hyperparameters.ipynb) tests it). It cannot do both: the encoder never sees $u$, so $\mu$ can
# follow $\mu_0 = u$ only by reading it off $x$. The tight prior punishes ignoring more than anything. What it can do
# is to make everything *else* in $x$ look cheap.

# %%
u = normal(4000, 1)
u = (u - u.mean()) / u.std(correction=0)
answers = {  # mean and variance that the encoder gives each image
    "ignores x": (torch.zeros_like(u), 1 / n),
    "ignores x, variance 1": (torch.zeros_like(u), 1.0),
    "knows u to one prior width": (u + n**-0.5 * normal(4000, 1, offset=1), 1 / n),
}
for name, (mu, variance) in answers.items():
    lv = torch.full_like(mu, math.log(variance))
    guided, free = (float(kl_diag_normal(mu, lv, *p).mean()) for p in ((u, n**-0.5), ()))
    print(f"{name:<27} guided {guided:9.2f} nats   free {free:6.2f}")
mu, _ = answers["ignores x"]
ignoring = kl_diag_normal(mu, torch.full_like(mu, -math.log(n)), u, n**-0.5).mean()
check("ignoring costs n/2", ignoring, n / 2, tol=1e-6 * n)

# %% [markdown]
# In a trained model, two columns tell a live latent from a collapsed one: its mean KL, and whether its mean moves from
# image to image. `latent_activity` calls it active if the standard deviation of the mean is above 0.1 (Burda et al.
# 2016). Here are two models of the package, one trained as in [chapter 6](06_training.ipynb), one with the same network
# without factors and a larger $\beta$ (a $\beta$-VAE), on galaxies that neither has seen:

# %% tags=["nbval-ignore-output"]
fresh = FactorDataset(*galaxies.simulate(galaxy_rows, seed=1_000_000))
models = {name: pretrained.load(name) for name in ("galaxies-auxvae", "galaxies-betavae")}
activities = {}
for name, model in models.items():
    activity = training.latent_activity(model, fresh, 1 / 11468)
    activities[name] = activity
    labels = [*model.factors, *["free"] * (10 - len(model.factors))]
    beta, active = model.provenance["config"]["beta"], int(activity.active.sum())
    print(f"{name}, beta {beta:g}: {active} of 10 latents active")
    print("   ", "  ".join(f"{label:>6}" for label in labels))
    print("KL  ", "  ".join(f"{float(kl):6.1f}" for kl in activity.kl))
    print("sd  ", "  ".join(f"{float(sd):6.2f}" for sd in activity.sd))

# %%
guided = activities["galaxies-auxvae"].kl
check("psf, nats", guided[4], 1734, tol=250)
check("the other four guided latents, nats", guided[:4].sum(), 38, tol=15)
active = sum(int(activity.active.sum()) for activity in activities.values())
check("active, both models", active, 20, tol=0)

# %% [markdown]
# Nothing has collapsed. Four guided latents cost 5 to 13 nats each; `psf`, which the image tells only roughly, costs
# more than a hundred times as much (chapter 6 says why that is no failure). Note the free latents of the first model:
# every factor of these galaxies was given, and still the five move with the image, at the price of several nats each.
# [Chapter 4](04_regularizers.ipynb) asks what they carry.
#
# ## Eq. 5: the aggregate posterior
#
# (3.9) compares one image's answer with the prior. Look instead at *all* answers, poured together:
#
# $$
# q(z) = \mathbb E_x\, q(z \mid x) \approx q_N(z) = \frac1N\sum_{i=1}^N q(z \mid x_i). \tag{3.13}
# $$
#
# That is what the decoder sees during training, so one would like it to match the prior, $\mathrm{KL}(q(z)\,\|\,p(z))$
# small (Eq. 5 of the paper, which calls it intractable). What is hard about it? $\log q_N(z)$ is the logarithm of a
# *sum*: (3.4) no longer falls apart into squares, and there is no closed form. One evaluation needs all $N$ densities,
# so a mean over the $N$ images needs $N^2$. And a batch is not the population, which, as we shall see, biases the
# answer.
#
# First, how the two divergences are related. For a *fixed* prior $p(z)$, insert $q_N$ into the logarithm:
#
# $$
# \begin{aligned}
# \frac1N\sum_i \mathrm{KL}(q(z|x_i)\,\|\,p) &= \frac1N\sum_i\int q(z|x_i)\left[\log\frac{q(z|x_i)}{q_N(z)}
# + \log\frac{q_N(z)}{p(z)}\right]dz \cr
# &= \underbrace{\frac1N\sum_i \mathrm{KL}(q(z|x_i)\,\|\,q_N)}_{I_N,\ \text{mutual information of image and } z}
# + \;\mathrm{KL}(q_N\,\|\,p).
# \end{aligned} \tag{3.14}
# $$
#
# The second logarithm does not depend on $i$, so the sum turns the $q(z|x_i)$ before it into $q_N$. Both parts are at
# least 0. (When all $x$ are averaged over, $q$ takes the place of $q_N$, and $I$ that of $I_N$.) So the KL of the loss
# pays for two things at once: for telling images apart ($I$), which we want, and for a mismatch of the whole, which we
# do not. Pressing it down with a large $\beta$ presses on both.
#
# The targeted prior differs from image to image, $p_i = p(z|u_i)$, and then (3.14) does not apply. But the chain rule
# of KL does. View $(i, z)$ as one random pair, $q(i, z) = \tfrac1N q(z|x_i)$ and $p(i,z) = \tfrac1N p_i(z)$, and split
# each into the density of $z$ and that of $i$ given $z$:
#
# $$
# \begin{aligned}
# \frac1N\sum_i \mathrm{KL}(q(z|x_i)\,\|\,p_i) &= \mathrm{KL}(q_N\,\|\,p_N)
# + \mathbb E_{q_N(z)}\,\mathrm{KL}\bigl(q(i|z)\,\|\,p(i|z)\bigr) \cr
# &\ge \mathrm{KL}(q_N\,\|\,p_N), \qquad p_N = \frac1N\sum_i p_i.
# \end{aligned} \tag{3.15}
# $$
#
# So the loss does bound Eq. 5 from above, on the images at hand: as the KL of each image goes to zero, so does that of
# the aggregate. Whether the bound is *useful* is another matter; with `psf` alone at more than a thousand nats it says
# little.

# %%
show_source(aggregate_kl)

# %%
show_source(divergences._log_mixture)

# %% [markdown]
# ### A toy where the truth is known
#
# Let each latent see one number $x_j \sim \mathcal N(0, 1)$ and answer $q(z_j|x) = \mathcal N(\rho x_j,\, 1-\rho^2)$.
# Then $z_j$ is again standard normal, and $x_j$ and $z_j$ have the correlation $\rho$. Against $p = \mathcal N(0, 1)$:
#
# $$
# \mathrm{KL}(q(z)\,\|\,p(z)) = 0, \qquad
# I = \mathbb E_x \mathrm{KL}(q(z|x)\,\|\,p) = -\tfrac d2\log(1-\rho^2), \tag{3.16}
# $$
#
# the second from (3.7): $\tfrac12[\rho^2\,\mathbb E x^2 + (1-\rho^2) - 1 - \log(1-\rho^2)]$ per latent. With finitely
# many images the estimate is not 0. On average over the images drawn it exceeds the truth by
#
# $$
# \text{bias}_N = \mathbb E\,\mathrm{KL}(q_N\,\|\,p) - \mathrm{KL}(q\,\|\,p) = \mathbb E\,\mathrm{KL}(q_N\,\|\,q) \ge 0, \tag{3.17}
# $$
#
# because $\log\frac{q_N}{p} = \log\frac{q_N}{q} + \log\frac qp$ and the average of $q_N$ in front of the last term is
# $q$. How large? From below: averaged over images, (3.14) with $p = q$ reads $I = \mathbb E\,I_N + \text{bias}_N$, and
# $I_N \le \log N$, since a latent cannot do better than name the image (from $q_N \ge q(z|x_i)/N$, each logarithm in
# $I_N$ is at most $\log N$). From above: $\log$ is concave, so the mean of a logarithm is at most the logarithm of the
# mean. Over $z \sim q_N$ that gives $\mathrm{KL}(q_N\|q) \le \log\int q_N^2/q\,dz$, and over images it moves their mean
# inside. Multiply out $q_N^2 = \frac1{N^2}\sum_{i,k} q(z|x_i)\,q(z|x_k)$, divide by $q$ and integrate: on average each
# of the $N(N-1)$ terms with $i \ne k$ gives $\int q^2/q\,dz = 1$, each of the $N$ others $c = \mathbb E_x\int
# q(z|x)^2/q(z)\,dz$. So the mean inside is $1 - \frac1N + \frac cN$. Together
#
# $$
# I - \log N \;\le\; \text{bias}_N \;\le\; \log\Bigl(1 + \frac{c-1}{N}\Bigr), \quad
# c = (1-\rho^2)^{-d} \text{ here}. \tag{3.18}
# $$
#
# <details><summary>Where that c comes from</summary>
#
# Per latent, $c_1 = \iint \frac{q(z|x)^2 q(x)}{q(z)}\,dz\,dx$ is an integral of $\exp(-\tfrac12\,w^\top M w)$ with $w =
# (x, z)$. To $w^\top M w$, the square of $q(z|x)$ gives $2(z-\rho x)^2/(1-\rho^2)$, $q(x)$ gives $x^2$, and $q(z)$,
# below the line, $-z^2$. With $v = 1-\rho^2$,
#
# $$
# \begin{aligned}
# M &= \frac1v\begin{pmatrix} 2\rho^2 + v & -2\rho \\ -2\rho & 2 - v\end{pmatrix}
# = \frac1v\begin{pmatrix} 1+\rho^2 & -2\rho \\ -2\rho & 1+\rho^2\end{pmatrix}, \\
# \det M &= \frac{(1+\rho^2)^2 - 4\rho^2}{v^2} = \frac{(1-\rho^2)^2}{v^2} = 1.
# \end{aligned}
# $$
#
# The integral of the exponential is $2\pi/\sqrt{\det M} = 2\pi$; the prefactors are $\frac{1}{2\pi v}$ (from
# $q(z|x)^2$) times 1 (the roots of $2\pi$ in $q(x)$ and $q(z)$ cancel). So $c_1 = 1/v$, and independent latents
# multiply.
#
# </details>


# %%
def toy(images, offset):
    """Means and log-variances of the toy's answers, shape (images, latents)."""
    x = normal(images, latents, offset=offset)
    return rho * x, torch.full_like(x, math.log(1 - rho**2))


def estimates_of_zero(images):
    """`repeats` estimates of the toy's KL(q || p), each of new images; the truth is 0."""
    draws, runs = 1 + 512 // images, []  # few images need several draws of z each
    for k in range(repeats):
        runs.append(aggregate_kl(*toy(images, k), 0.0, 1.0, draws, generator(k + 999)))
    return torch.stack([run.value for run in runs])


def bounds(images):
    """The two sides of (3.18)."""
    return max(0.0, information - math.log(images)), math.log1p(spread / images)


information = -latents / 2 * math.log(1 - rho**2)
spread = (1 - rho**2) ** -latents - 1  # c - 1 of (3.18)

# %% tags=["nbval-ignore-output"]
biases = [estimates_of_zero(images) for images in sizes]
print(f"truth 0; mutual information {information:.3f} nats")
for images, values in zip(sizes, biases, strict=True):
    mean, error = float(values.mean()), float(values.std()) / math.sqrt(repeats)
    low, high = bounds(images)
    print(f"N = {images:>5}: {mean:.4f} +- {error:.4f}, bounds {low:.4f} to {high:.4f}")

# %%
for images, values in zip(sizes, biases, strict=True):
    slack = 3 * float(values.std()) / math.sqrt(repeats)
    low, high = bounds(images)
    inside = low - slack <= values.mean() <= high + slack
    check(f"N = {images}: within (3.18)", inside, 1, tol=0)
mu, lv = toy(2000, offset=7)
aggregate = aggregate_kl(mu, lv, 0.0, 1.0, 2, generator(8)).value
left = kl_diag_normal(mu, lv).sum(1).mean() - aggregate
check("(3.14): mean KL - aggregate KL", left, round(information, 4), tol=0.08)

# %% mystnb={"image": {"alt": "Estimate of a divergence that is truly zero against the number of images, on logarithmic axes. It starts near 0.6 nats at four images and falls to below 0.01 at a thousand, inside a shaded band. The band's upper edge falls in the end as one over N; its lower edge drops to zero just after five images."}}
figure, axis = plt.subplots(figsize=(5.6, 3.4))
N = np.geomspace(sizes[0], sizes[-1], 60)
low, high = np.array([bounds(images) for images in N]).T
axis.fill_between(N, low.clip(1e-4), high, color="C0", alpha=0.2, label="bounds (3.18)")
means = [float(values.mean()) for values in biases]
errors = [float(values.std()) / math.sqrt(repeats) for values in biases]
axis.errorbar(sizes, means, errors, fmt="o", color="C1", label="measured")
axis.set(xscale="log", yscale="log", ylim=(1e-3, 10))
axis.set_xlabel("images $N$")
axis.set_ylabel("estimate (nats); truth 0")
axis.legend()
plt.show()

# %% [markdown]
# Notice that repetition does not help: the error bars are over new images each time, and they are far smaller than the
# bias (here smaller than the dots). From $N > e^I \approx 5.3$ the lower bound says nothing, and the band is open
# below. The error that `aggregate_kl` reports knows even less, only the sampling of $z$. Averaging over many batches
# gives a precise wrong number.
#
# ### And on the galaxies?
#
# The lower bound of (3.18) is sobering where codes are informative. The trained model's $z_\mathrm{aux}$ tells the
# factors so well that $I$ exceeds the logarithm of any practical batch. A safe lower bound of $I$: the factors reach
# $z$ only through the image, so $z$ tells at least as much of the image as of the factors; these are independent, so
# what each $z_k$ tells of its own $u_k$ adds up. A uniform factor of variance 1 has the entropy $\log\sqrt{12}$, and
# what is left of it after a linear guess of correlation $\rho_k$ has at most the entropy of a Gaussian of variance
# $1-\rho_k^2$, which is $\tfrac12\log\bigl(2\pi e(1-\rho_k^2)\bigr)$. So
# $I \ge \sum_k\bigl[\tfrac12\log\tfrac{12}{2\pi e} - \tfrac12\log(1-\rho_k^2)\bigr]$.

# %% tags=["nbval-ignore-output"]
model = models["galaxies-auxvae"]
mu, lv = (part.double() for part in model.encode(fresh.images))
z = mu + (lv / 2).exp() * normal(*mu.shape, offset=3)
u = model.factor_scaling(torch.from_numpy(fresh.columns(model.factors)))
own = pearson(z[:, :5], u.double()).diagonal()
at_least = 0.5 * (math.log(6 / (math.pi * math.e)) - torch.log(1 - own**2)).sum()
p = 0.0, z.std(0)  # any fixed p serves in (3.14); near the aggregate it adds little noise
aggregate = aggregate_kl(mu, lv, *p, 4, generator(4))
seen = kl_diag_normal(mu, lv, *p).sum(1).mean() - aggregate.value
print(f"mutual information at least {float(at_least):.1f} nats")
print(f"what {len(mu)} images show of it: {float(seen):.2f}")
for images in (128, len(mu), 11468):
    most = math.log(images)
    least = float(at_least) - most
    print(f"{images:>6} images show at most {most:5.2f}: bias at least {least:.1f}")

# %%
check("mutual information at least, nats", at_least, 12.8, tol=1.2)
check("what the images show, minus log N", seen - math.log(len(mu)), 0.0, tol=0.2)

# %% tags=["nbval-ignore-output"]
prior = targeted_prior(u.double(), 10, 1 / 11468)
for images in (100, 300, 1000):
    few = mu[:images], lv[:images], prior.mean[:images], prior.std
    value, error = aggregate_kl(*few, 1, generator(5))
    mean = kl_diag_normal(*few).sum(1).mean()
    shown = f"aggregate {value:5.0f} +- {error:3.0f}, mean KL {mean:5.0f} nats"
    print(f"N = {len(few[0]):>4}: {shown}")

# %% [markdown]
# The estimate of $I$ is $\log N$, up to the sampling of $z$: every $z$ names its image, and the mixture has fallen
# apart into $N$ separate needles. Against any fixed prior, an estimate of Eq. 5 for this model is too large by at least
# some three nats even with all training images at once, by (3.18), and by some eight with a batch of 128.
#
# The last cell puts the targeted priors of the same images in the place of $p$, as in (3.15). The inequality holds, but
# the estimate falls by nearly a half while $N$ grows from 100 to 1000, and shows no sign of settling: the more
# neighbours a $z$ has, the more likely one of their needle-thin priors explains it.
#
# Is Eq. 5 intractable, then? Its prior is not. Our factors are uniform, on $\pm\sqrt 3$ once they are scaled, so the
# mean of the narrow priors has a closed form for each guided latent,
# $p(z) = [\Phi((\sqrt 3 - |z|)/s) - \Phi((-\sqrt 3 - |z|)/s)] / (2\sqrt 3)$ with $s^2 = 1/n$ and $\Phi$ the normal
# distribution function, and only $q(z)$ has to be estimated by a mixture. One latent at a time, a thousand posteriors
# overlap, and the divergences of `flux`, `radius`, `g1` and `g2` come out at 0.8 nats in all; for the four together the
# same estimate is 12.8 nats. The factors are independent and each of these latents follows its own, so nearly all of
# the difference is bias from $q_N$. That bias, which no batch avoids, is the reason to look for something simpler that
# a batch can measure: correlations, [chapter 4](04_regularizers.ipynb).

# %% tags=["guard", "remove-cell"]
def log_box(z, half=3**0.5, s=11468**-0.5):
    """Logarithm of the mean of N(u, s^2) over u uniform on +-half, at each z."""
    most, rest = (torch.special.log_ndtr((h - z.abs()) / s) for h in (half, -half))
    return most + torch.log1p(-torch.exp(rest - most)) - math.log(2 * half)


def from_box(columns):
    """Eq. 5 of some guided latents: a mixture for q, the closed form for p."""
    q = divergences._log_mixture(z[:, columns], mu[:, columns], lv[:, columns] / 2)
    return float((q - log_box(z[:, columns]).sum(1)).mean())


# %% tags=["guard", "remove-cell"]
box = log_box(torch.linspace(-3, 3, 600_001, dtype=torch.float64))
check("closed prior, integral", float(box.exp().sum()) * 1e-5, 1.0, tol=1e-6)
alone, together = sum(from_box([k]) for k in range(4)), from_box([0, 1, 2, 3])
check("four latents, N large enough for one", alone < 2 < 10 < together, 1, tol=0)
if galaxy_rows == 1000:
    check("four latents, one at a time, nats", alone, 0.8, tol=0.05)
    check("four latents together, nats", together, 12.8, tol=0.2)

# %% [markdown]
# ## Break it on purpose
#
# Three classic slips: the two Gaussians exchanged, a variance passed as a standard deviation, and a log-variance
# passed as one. The first two give a number without complaint; only the last can be caught, and only if a
# log-variance is not positive.

# %%
mu, wide, tight = torch.zeros(1), torch.zeros(1), torch.full((1,), -math.log(n))
slips = {
    "KL(variance 1 || variance 1/n)": (wide, n**-0.5),
    "the two exchanged": (tight, 1.0),
    "1/n where 1/sqrt(n) belongs": (wide, 1 / n),
}
for name, (lv, prior_std) in slips.items():
    print(f"{name:<31} {float(kl_diag_normal(mu, lv, 0.0, prior_std)):12.2f} nats")
try:
    kl_diag_normal(mu, wide, prior_std=tight)
except ValueError as error:
    print(error)

# %% [markdown]
# The asymmetry has a meaning. $\mathrm{KL}(q\|p)$ punishes $q$ for putting mass where $p$ has next to none; being
# *narrower* than the prior is cheap. So a VAE's KL does not forbid an answer to be sharp where it knows; it charges a
# logarithm for knowing.
#
# ## What this does not tell you
#
# - *Diagonal answers only.* If the true posterior of two latents is a tilted ellipse, no $\sigma_1, \sigma_2$ describe
#   it: with correlation $c$ the best of them, $\sigma_j^2 = 1 - c^2$, misses it by $-\tfrac12 \log(1 - c^2)$ nats.
# - *A small KL is not disentanglement.* (3.14) does not say which latent carries which factor; a rotation of the free
#   latents leaves a standard normal prior as it is.
# - *Nats are not quality.* `psf` costs most and is known least.
# - *The lower bound on $I$* takes the factors as independent and the correlations of one sample as the truth.
#
# ## Exercises
#
# ### Exercise 3.1 (pen, 5 minutes)
#
# Two latents have unit variances and the correlation $c$; the prior is standard normal. What is their KL? Use the
# formula of *Predict first*; the determinant of $\begin{pmatrix}1 & c\\ c & 1\end{pmatrix}$ is $1 - c^2$.


# %% tags=["solution"]
def kl_of_a_tilt(c):
    """KL in nats of two normal latents of correlation c from two independent ones."""
    return -0.5 * math.log(1 - c**2)


# %%
for c in (0.0, 0.5, 0.99):
    q = MultivariateNormal(torch.zeros(2), torch.tensor([[1.0, c], [c, 1.0]]))
    exact = float(kl_divergence(q, MultivariateNormal(torch.zeros(2), torch.eye(2))))
    check(f"c = {c}", kl_of_a_tilt(c), round(exact, 4), tol=2e-4)

# %% [markdown]
# <details><summary>Why</summary>
#
# The means agree. The trace is 2 and cancels $d = 2$; what remains is $-\tfrac12\log\det\Sigma_1$. It is also the
# mutual information of the two latents, and the same expression as (3.16): correlation and nats are two scales for one
# thing.
#
# </details>
#
# ### Exercise 3.2 (code, 10 minutes)
#
# Estimate the mutual information of image and latents from arrays of `mu` and `logvar` alone, by (3.14). Any fixed
# prior will do; use the standard normal.


# %% tags=["solution"]
def information_of(mu, logvar, generator):
    """Estimated mutual information of image and z, nats; mu and logvar are (N, d)."""
    each = kl_diag_normal(mu, logvar).sum(1).mean()
    return float(each - aggregate_kl(mu, logvar, 0.0, 1.0, 4, generator).value)


# %%
x = normal(1000, 1, offset=11)
half, none = torch.full_like(x, math.log(0.75)), torch.zeros_like(x)
check("correlation .5", information_of(0.5 * x, half, generator(5)), 0.1438, tol=0.03)
check("ignores x", information_of(0 * x, none, generator(5)), 0.0, tol=1e-6)
needles = torch.arange(100.0)[:, None]
named = information_of(needles, torch.full_like(needles, -9.0), generator(5))
check("100 images, all told apart: log 100", named, math.log(100), tol=0.2)

# %% [markdown]
# <details><summary>Why</summary>
#
# The mean KL is $I_N + \mathrm{KL}(q_N\|p)$, and `aggregate_kl` is the second part. The last line cannot exceed $\log
# 100$ however sharp the answers are: to know the image is all there is to know.
#
# </details>
#
# ### Exercise 3.3 (think, 5 minutes)
#
# A colleague wants to add Eq. 5 to the loss, estimated on batches, for codes that carry $I$ nats. From (3.18), what is
# the least number of images per batch with which the bias *can* be below one nat? Put it into a function, and look at
# the 12.8 nats found above.


# %% tags=["solution"]
def least_batch(information, bias=1.0):
    """Smallest number of images that (3.18) allows for a bias of at most `bias` nats."""
    return math.ceil(math.exp(information - bias))


# %%
check("3 nats", least_batch(3.0), 8, tol=0)
check("12.8 nats", least_batch(12.8), 133253, tol=1)

# %% [markdown]
# <details><summary>Why</summary>
#
# $I - \log N \le 1$ means $N \ge e^{I-1}$. Informative codes and a small batch do not go together, and it gets worse
# exponentially. Estimators that weight a batch as part of the whole set (Chen et al. 2018) lower the cost, not the
# bound's moral. And (3.18) is a *necessary* condition only, and the 12.8 nats are a lower bound themselves: the true
# need can only be larger.
#
# </details>
#
# ## Quiz
#
# **1.** A free latent shows $\mathrm{KL} = 0.00$ nats, a guided one 12 nats. Which of them has collapsed?
#
# <details><summary>Answer</summary>
#
# The free one: it returns its prior whatever the image is. 12 nats of a guided latent are a miss of about five prior
# widths, $\tfrac12 \cdot 4.9^2$; had it collapsed it would pay $n/2$.
#
# </details>
#
# **2.** You halve $\sigma$ of a free latent from 1 to 0.5 and leave the mean at 0. Is the cost nearer to 0.3 or to 3
# nats?
#
# <details><summary>Answer</summary>
#
# Nearer to 0.3: $\tfrac12(e^r - 1 - r)$ with $r = \log 0.25 = -1.386$ gives $\tfrac12(0.25 - 1 + 1.386) = 0.318$.
# Certainty is cheap, one logarithm.
#
# </details>
#
# **3.** Someone reports $\mathrm{KL}(q(z)\|p(z)) = 0.9 \pm 0.01$ nats from a batch of 64. What do you ask?
#
# <details><summary>Answer</summary>
#
# What the 0.01 contains. If it is the sampling error of $z$, the bias (3.17) is missing. Ask for the same number from
# 128 and 256 images: if it falls, part of it was bias.
#
# </details>
#
# ## Take-aways
#
# - KL of two Gaussians is a distance of means, in prior widths, plus a mismatch of widths; both are at least 0.
# - `expm1` keeps the digits near collapse; sampling gives the same number with an error of $\sqrt{(2a^2+b^2)/S}$.
# - The pull on a mean is $1/s^2$ per unit, so $n$ times stronger for guided latents; ignoring $x$ costs a guided latent
#   $n/2$ nats and a free one nothing.
# - "beta = 4" means nothing until you know what is summed, what is averaged, and which $\sigma_x$ is in $R$.
# - Mean KL = mutual information + KL of the aggregate, for a fixed prior. Estimates of the latter are too large, by at
#   least $I - \log N$.
#
# ## Further reading
#
# - [Kullback and Leibler 1951](https://doi.org/10.1214/aoms/1177729694), where it comes from.
# - [Kingma and Welling 2014](https://arxiv.org/abs/1312.6114), appendix B, for (3.8) with a standard normal prior.
# - [Burda, Grosse and Salakhutdinov 2016](https://arxiv.org/abs/1509.00519) for active units.
# - [Chen et al. 2018](https://arxiv.org/abs/1802.04942), who split (3.14) further and estimate it on batches.
#
# <details class="instructor"><summary>For the teacher</summary>
#
# *Wrong answers to expect.* That KL is symmetric; that a tight prior makes an encoder ignore the image; that an error
# bar covers a bias. *Where to pause.* At (3.6), where the cross term vanishes, and before the table of effective betas:
# let the class guess the ratio. *What to cut.* With 45 minutes, stop before Eq. 5 and give (3.14) without the toy; with
# 20, do (3.3) to (3.8) on the board and the figure of pulls.
#
# </details>
