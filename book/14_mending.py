# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Mending it: a model that can generate
#
# [![Open this chapter in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_GITHUB_OWNER/auxvae-lite/blob/main/book/14_mending.ipynb)
# [![Launch this chapter on Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/YOUR_GITHUB_OWNER/auxvae-lite/main?urlpath=lab/tree/book/14_mending.ipynb)
#
# [Module `dependence`](api.md#dependence) · Eqs. 6-9 of [arXiv 2507.00298](https://arxiv.org/abs/2507.00298), and what
# we put in their place
#
# The paper's objective leaves three faults in the model. This chapter finds the cause of each, removes it, and
# measures what is left.
#
# **After this chapter you can**
#
# - say why a decoder without a constant needs free latents that are not centred on 0;
# - compare the terms of a loss in one unit, the nat;
# - choose a measure of dependence that neither outliers nor shared copies deceive;
# - judge a generator by its ceiling, and say when a score is too good.
#
# **You need** the model of [chapter 5](05_model.ipynb), the penalties of [chapter 4](04_regularizers.ipynb) and the
# scores of [chapter 7](07_metrics.ipynb). **Helpful**: the three cases of [chapter 9](09_sensitivity.ipynb).
# **Time**: 30 minutes of reading, more with a pencil; the code runs for about ten seconds on one core.

# %% tags=["remove-cell"]
import importlib.util
import subprocess
import sys

if (
    importlib.util.find_spec("auxvae_lite") is None
):  # Colab: fetch the package, leave its torch alone
    address = "git+https://github.com/YOUR_GITHUB_OWNER/auxvae-lite"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", address], check=True
    )

# %% tags=["parameters"]
n = 500  # galaxies that are generated
repeats = 300  # batches of the toys
seed = 0

# %% [markdown]
# ## Predict first
#
# The model of chapter 5 is told flux, radius, two components of shear, and the width of the PSF. These five numbers and
# the noise are all that its images depend on. It also has five free latents, $z_\mathrm{recon}$.
#
# *What should the free latents hold? And if you set them to 0, the middle of their prior, and ask for a galaxy of
# 50,000 counts: how many counts will the picture have?*
#
# <details><summary>One answer</summary>
#
# They should hold nothing, since nothing is left to know. In fact a nearest-neighbour reader finds the radius
# in them, and the picture has about a quarter of the counts. Both faults have causes that one can write down.
#
# </details>

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from auxvae_lite import dependence, metrics, regularizers
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.pages import pretrained
from auxvae_lite.pages.teaching import check, show_source
from auxvae_lite.simulators import galaxies
from auxvae_lite.study import choice, results

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
paper, mended = (pretrained.load(f"galaxies-{name}") for name in ("auxvae", "mended"))
data = FactorDataset(*galaxies.simulate(n, seed=3_000_000 + seed))

# %% [markdown]
# ## The hole: a decoder without a constant
#
# `generate(u)` puts the guided latents at the scaled factors and the free latents where their prior says. With the free
# latents at 0, the paper's model gives dark pictures. We call this the *hole*: no galaxy's code lies near
# $z_\mathrm{recon} = 0$, so the decoder has never been trained there.
#
# Why do the codes stay away? Look at the decoder's first layer. It gives place $p$ of a small image the value $W_p z$,
# where $W_p$ is a matrix with one row per channel. Average over all galaxies. The scaled factors have mean 0, so
#
# $$
# \overline{W_p z} = W_p \bar z
# = W_{p,\mathrm{aux}}\,\bar z_\mathrm{aux} + W_{p,\mathrm{recon}}\,\bar z_\mathrm{recon}
# \approx W_{p,\mathrm{recon}}\,\bar z_\mathrm{recon}. \tag{14.1}
# $$
#
# Galaxies are bright in the middle and dark at the edge, so the average picture must differ from place to place. The
# first layer's average can differ only if $\bar z_\mathrm{recon} \ne 0$. (Later layers are not linear, and might make a
# bright middle of spreads instead of means. We show below that the trained model uses the mean.) So the model moves all
# codes to one side. This costs $\bar z_j^2/2$ nats for each free latent, a few nats beside the hundreds of $R$.
#
# The remedy is a constant $b_p$ for each place, which training can set to the average galaxy:
#
# $$
# h_p = W_p z + b_p. \tag{14.2}
# $$
#
# In the package this is `Config(decoder_bias=True)`. A model that was trained without it can still be helped: put the
# mean of the training images' codes where 0 was. `fit` keeps that mean, and `generate` uses it. We call this
# *recentring*. Here are all three, for the same factors:


# %%
def light(images):
    """Counts over the counts asked for: 5 %, 50 % and 95 % of the galaxies."""
    return np.quantile(
        images.sum((1, 2, 3)) / data.clean.sum((1, 2, 3)), (0.05, 0.5, 0.95)
    )


pictures = {
    "truth": data.clean,
    "paper's, 0": paper.generate(data.factors, free="mean").numpy(),
}
paper.free_mean = tuple(paper.encode(data.images).mu[:, 5:].mean(0).tolist())
pictures["recentred"] = paper.generate(data.factors, free="mean").numpy()
pictures["mended, 0"] = mended.generate(data.factors, free="mean").numpy()

# %% tags=["nbval-ignore-output"]
print(f"{'free latents':<12}{'SSIM to the truth':>18}   light: 5 %, 50 %, 95 %")
for name, images in pictures.items():
    like = metrics.ssim(data.clean, images).mean()
    print(
        f"{name:<12}{like:18.3f}   "
        + "  ".join(f"{share:.2f}" for share in light(images))
    )

# %% tags=["guard", "remove-cell"]
like = {
    name: metrics.ssim(data.clean, images).mean() for name, images in pictures.items()
}
check("the hole, SSIM", like["paper's, 0"], 0.547, tol=0.015)
check("the hole, median light", light(pictures["paper's, 0"])[1], 0.27, tol=0.02)
check("recentred, SSIM", like["recentred"], 0.987, tol=0.003)
check("mended, SSIM", like["mended, 0"], 0.994, tol=0.002)

# %% mystnb={"image": {"alt": "Four rows of six galaxies. The truth, the recentred and the mended rows look alike. The paper's model with free latents at 0 gives dim patches without a centre."}}
figure, axes = plt.subplots(4, 6, figsize=(7, 4.6), layout="constrained")
for line, (name, images) in zip(axes, pictures.items(), strict=True):
    line[0].set_ylabel(name, fontsize=8)
    for column, axis in enumerate(line):
        axis.imshow(images[column, 0], vmin=0, vmax=data.clean[column].max())
        axis.set(xticks=[], yticks=[])
plt.show()

# %% [markdown]
# *Notice* that the third row uses the weights of the second. Nothing was trained again: the model could always draw
# these galaxies, but it was asked at the wrong place.
#
# The next figure shows (14.1) at work: the mean over galaxies of the first layer's output, before its normalisation. In
# the paper's model we split it into the part that the guided latents give and the part that the free latents give.

# %%
with torch.no_grad():
    z = paper.encode(data.images).mu
    guided, free = z.clone(), z.clone()
    guided[:, 5:], free[:, :5] = 0, 0
    maps = {
        "guided latents": paper.decoder[0](guided[:, :, None, None]),
        "free latents": paper.decoder[0](free[:, :, None, None]),
        "mended: the constant": mended.decoder[1].bias[None],
    }
    maps = {
        name: (m - m.mean((0, 2, 3), keepdim=True)).mean(0).norm(dim=0)
        for name, m in maps.items()
    }

# %% mystnb={"image": {"alt": "Three small maps of four by four places. The guided latents give all places the same mean, the free latents and the mended model's constant make the four places in the middle differ."}}
figure, axes = plt.subplots(1, 3, figsize=(7, 2.4), layout="constrained")
for axis, (name, image) in zip(axes, maps.items(), strict=True):
    shown = axis.imshow(image, vmin=0, vmax=2, cmap="cividis")
    axis.set_title(name, fontsize=9)
    axis.set(xticks=[], yticks=[])
    figure.colorbar(shown, ax=axis, label="departure from mean")
plt.show()

# %% tags=["guard", "remove-cell"]
largest = {name: float(image.max()) for name, image in maps.items()}
ratio = largest["guided latents"] / largest["free latents"]
check("guided over free, largest departure", ratio, 0, tol=0.03)

# %% [markdown]
# *Notice* that the guided latents give every place almost the same mean. The free latents have to supply the
# difference, and in the mended model the constant does.
#
# ## One unit for all terms
#
# To see why the other two faults pay, put the terms of the loss into one unit. Multiply the loss by the number of
# pixels $P$:
#
# $$
# P L = R + \beta\,\bigl(\mathrm{KL}_\mathrm{aux} + \beta_\mathrm{free}\,\mathrm{KL}_\mathrm{recon}\bigr)
# + P\lambda_1\,(\text{explicitness} + \text{intra}) + P\lambda_2\,\text{inter}. \tag{14.3}
# $$
#
# $R$ and KL are in nats per image. One unit of `inter` is worth $P\lambda_2 = 1089 \cdot 0.6 = 653$ nats in the paper's
# objective. What does an outlier cost? One image in a batch of $B$ whose free latent lies at $t$ raises the batch's mean
# KL by
#
# $$
# \Delta\,\mathrm{KL} = \frac{t^2}{2B}, \tag{14.4}
# $$
#
# which is 6 nats for $t = 40$ and $B = 128$. So if a few outliers lower `inter` by more than 0.01 each, training pays
# for them. They can: a correlation is dominated by its farthest points, as the next section shows.
#
# The factor $\beta_\mathrm{free}$ is ours. It multiplies the KL of the free latents alone, so that what they hold costs
# more. (Weights per group of latents are common: JointVAE and CascadeVAE have them.) `Config(beta_free=1)` is the paper's.
#
# What does a copy buy? The table has three models with the constant, the paper's weight and no `inter` at all, and three
# of the same seeds with `inter` (powers) and a weight of 64. *Told* is the $R^2$ with which ten nearest neighbours read the radius from samples of the free latents.

# %%
mending, result = (results.load(f"galaxies-{name}") for name in ("mending", "mended"))
columns = {"nats_R": "R", "nats_aux": "KL guided", "nats_free": "KL free"}
columns |= {"told_by_free_radius": "told"}
rows = {
    "constant, no inter": "weight 1, no inter",
    "constant, weight": "weight 64, inter",
}
print(results.summary(mending, columns, rows, digits=2))

# %% tags=["guard", "remove-cell"]
copied, weighed = (
    {name: results.values(mending, variant, name).mean() for name in columns}
    for variant in ("constant, no inter", "constant, weight")
)
check("free latents, weight 1, nats", copied["nats_free"], 22, tol=0.5)
check("told, weight 1", copied["told_by_free_radius"], 0.95, tol=0.005)
check("R bought, nats", weighed["nats_R"] - copied["nats_R"], 36, tol=0.5)
check("told, weight 64", max(weighed["told_by_free_radius"], 0), 0, tol=0)

# %% [markdown]
# *Notice* the first line. The free latents hold 22 nats and tell almost all of the radius, and $R$ is 36 nats lower than
# in the second line, seed by seed. So a copy buys more than it costs. (One reason: the encoder reads the guided latents
# with errors of its own, and a second reading averages them.) With a weight of 64 the same 22 nats would cost 1,400, and
# the copies are gone.
#
# ## What inter does not see
#
# *Outliers.* `inter` in the paper's form sums the absolute correlations of powers of each free latent with powers of
# each factor. Take a free latent that is a copy of a factor, and move four of its 128 rows far out, to $\pm 40$. The
# correlation falls to its chance value. The copy is still there for 124 images, and the penalty no longer sees it.
#
# To bound the latent first, by $\tanh$ of its standardised value, helps less than one would think: the four rows also
# decide the standard deviation, and the other 124 values shrink to almost nothing. The median and the median absolute
# deviation (MAD) do not depend on four rows. With them,
#
# $$
# t = \frac{z - \operatorname{median} z}{1.4826\ \mathrm{MAD}}, \qquad
# \psi(t) = \begin{cases} t & |t| \le 1.5 \cr 1.54 \tanh\bigl(0.862\,(4 - |t|)\bigr)\operatorname{sign} t &
# 1.5 < |t| \le 4 \cr 0 & |t| > 4 \end{cases} \tag{14.5}
# $$
#
# so that what lies far out counts as the middle. This is called *wrapping*.

# %%
show_source(dependence.wrap)

# %% [markdown]
# *Shared copies.* A copy can also be spread over several latents. Let eight latents each be half the factor plus noise.
# One latent alone correlates with the factor by 0.45, their mean by 0.8. A penalty that looks at one latent and one
# factor at a time sees eight small numbers. A measure on whole rows sees the sum. It compares all pairs of images: are
# images that are close in $z_\mathrm{recon}$ also close in $u$?
#
# $$
# \mathcal R^2 = \frac{\langle A, B \rangle}{\sqrt{\langle A, A \rangle\,\langle B, B \rangle}}, \qquad
# A_{ii'} = \lVert z_i - z_{i'} \rVert, \quad B_{ii'} = \lVert u_i - u_{i'} \rVert. \tag{14.6}
# $$
#
# This is the squared *distance correlation*. Columns are standardised first. Then rows and columns of $A$ and $B$ are
# centred so that the expectation is exactly 0 for independent data, at any number of rows ("U-centring"). The
# Hilbert-Schmidt independence criterion, *HSIC*, is the same formula with Gaussian kernels in place of distances.
#
# | symbol | name | unit | shape |
# |---|---|---|---|
# | $\beta_\mathrm{free}$ | `Config.beta_free` | none | one number |
# | $b_p$ | `model.decoder[1].bias` | the layer's own | (channels, H, W) |
# | $\psi(t)$ | `wrap(z)` | robust standard deviations | (B, J) |
# | $\mathcal R^2$ | `distance_correlation(z, u)` | none | (1, 1) |
#
# ## Check it by hand
#
# Seven values: $-1000, -1, 0, 1, 2, 4, 1000$. The median is 1. The distances from it are $1001, 2, 1, 0, 1, 3, 999$, with
# the median 2. So $t = (z - 1)/(1.4826 \cdot 2)$, which is $1.0118$ for $z = 4$, and the two values far out become 0.

# %%
seven = torch.tensor([-1000.0, -1.0, 0.0, 1.0, 2.0, 4.0, 1000.0])[:, None]
wrapped = dependence.wrap(seven)[:, 0]
print(wrapped.numpy().round(4))
check("z = 4", wrapped[5], 3 / 2.9652, tol=1e-4)
check("z = 1000", wrapped[6], 0, tol=0)

# %% [markdown]
# ## Check it by Monte Carlo
#
# First the outliers: noise, a copy, and a copy with four rows of 128 far out, under three measures.


# %%
def batch(kind, generator):
    """128 rows of one factor and a free latent."""
    u, z = torch.randn(2, 128, 1, generator=generator)
    if kind != "noise":
        z = u.clone()
    if kind == "copy, four far out":
        z[:4, 0] = torch.tensor([40.0, -40.0, 40.0, -40.0])
    return z, u


def bounded(z):
    """The standardised latent through tanh."""
    return torch.tanh((z - z.mean(0)) / z.std(0))


# %%
inter = regularizers.inter
measures = {
    "powers": inter,
    "tanh of z/sd": lambda z, u: inter(bounded(z), u),
    "wrapped": lambda z, u: inter(dependence.wrap(z), u),
}
kinds = ("noise", "copy, four far out", "copy")
generator, found = torch.Generator().manual_seed(seed), {}
for kind in kinds:
    batches = [batch(kind, generator) for _ in range(repeats)]
    for name, measure in measures.items():
        found[name, kind] = np.mean([measure(z, u).item() for z, u in batches])

# %% mystnb={"image": {"alt": "Bars of inter for noise, a copy with four rows far out, and a copy, under three measures. With powers the spoilt copy is as low as noise, with tanh it is in between, wrapped it is nearly as high as the copy."}}
figure, axis = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
for i, (kind, color) in enumerate(zip(kinds, (BLUE, ORANGE, GREEN), strict=True)):
    heights = [found[name, kind] for name in measures]
    axis.bar(np.arange(3) + 0.27 * (i - 1), heights, 0.25, color=color, label=kind)
axis.set_xticks(range(3), list(measures))
axis.set_ylabel("inter (no unit)")
axis.set_ylim(0, 7)
axis.legend(fontsize=8, loc="upper left", ncols=3)
plt.show()

# %% tags=["guard", "remove-cell"]
hidden, tanh, wrapped = (found[name, "copy, four far out"] for name in measures)
check(
    "powers: spoilt copy over chance", hidden / found["powers", "noise"], 1.13, tol=0.12
)
check("tanh over the copy", tanh / found["tanh of z/sd", "copy"], 0.37, tol=0.04)
check("wrapped over the copy", wrapped / found["wrapped", "copy"], 1.0, tol=0.03)

# %% [markdown]
# *Notice* the orange bars. Under powers a spoilt copy looks like noise. Wrapped, it looks like a copy. Then the shared
# copy, in batches of 64 rows, measured by pairs (each latent with each factor, averaged) and by whole rows:


# %%
def shared(copies, generator, rows=64):
    """Eight latents of noise, and with `copies` half the factor in each."""
    u = torch.randn(rows, 1, generator=generator)
    noise = torch.randn(rows, 8, generator=generator)
    return copies * u / 2 + noise, u


seen = {}
for copies in (0, 1):
    batches = [shared(copies, generator) for _ in range(repeats)]
    for name, joint in (("pairs", False), ("rows", True)):
        R2 = [
            dependence.distance_correlation(z, u, joint).mean().item() for z, u in batches
        ]
        seen[name, copies] = np.mean(R2), np.std(R2)

# %% tags=["nbval-ignore-output"]
for (name, copies), (mean, sd) in seen.items():
    print(f"{name:<6}{'shared copy' if copies else 'noise':<12}{mean:7.3f}, sd {sd:.3f}")

# %% tags=["guard", "remove-cell"]
check("pairs, noise", seen["pairs", 0][0], 0, tol=0.01)
check("rows, noise", seen["rows", 0][0], 0, tol=0.01)
check("rows, noise, sd over batches", seen["rows", 0][1], 0.0235, tol=0.003)
check(
    "rows over pairs, shared copy",
    seen["rows", 1][0] / seen["pairs", 1][0],
    2.6,
    tol=0.15,
)

# %% [markdown]
# Noise is 0 for both. Whole rows see the shared copy at more than twice the size at which pairs see it.
#
# ## Which objective?
#
# We compare 36 settings: four weights $\beta_\mathrm{free}$, and five choices of `inter` (none; powers; wrapped powers;
# distance correlation; HSIC) with two values of $\lambda_2$ each. All have the constant. The rule was written down, and
# committed, before the runs. It uses validation galaxies, in Cases 1, 2 and 3 of the paper:
#
# 1. SSIM of reconstructions within 0.001 of the best setting, in every case.
# 2. Of these, generated images within 0.01 of their *ceiling*, in every case. Told two of five factors, even the
#    simulator cannot know the other three: it gets the told factors, draws the rest, and scores 0.67. A score *above*
#    this is a miss as well, because it says that the images vary too little.
# 3. Of these, the one whose free latents tell least, in the worst case. If none passes 2, the smallest miss.
#
# Short runs with one seed leave 12 settings, full runs with one seed leave six, and those have three seeds. (How the 12
# were picked was changed after the short runs: see the head of [`choice`](api.md#the-choice-of-our-own-objective).)

# %%
order = choice.order(results.load("galaxies-choice"))
print(f"{'setting':<26}{'SSIM below best':>16}{'miss':>7}{'told':>7}{'LDS of ranks':>14}")
for name, row in order:
    numbers = f"{row['ssim']:16.4f}{row['miss']:7.3f}{row['told']:7.2f}{row['lds']:14.2f}"
    print(f"{name:<26}{numbers}")

# %%
styles = {"none": "o", "powers": "v", "distance": "s", "hsic": "D"}
colors = {"1": "#999999", "4": BLUE, "16": GREEN, "64": ORANGE}
points = []
for name, row in choice.order(results.load("galaxies-choice-one")):
    weight, measure = name.removeprefix("beta_free ").split(", ")
    points.append((row["miss"], row["told"], styles[measure.split()[0]], colors[weight]))

# %% mystnb={"image": {"alt": "Largest miss against the most that free latents tell, 12 settings. The five with weight 64 lie together at a miss of 0.02 and nothing told. With weight 16 the miss is 0.03 to 0.07 and 0.4 to 0.9 is told; with weights 1 and 4 the miss is 0.15 to 0.19."}}
figure, axis = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
for miss, told, marker, color in points:
    axis.plot(miss, told, marker, color=color)
for label, marker in styles.items():
    axis.plot([], [], marker, color="black", label=label)
for label, color in colors.items():
    axis.plot([], [], "_", color=color, markeredgewidth=4, label=f"weight {label}")
axis.set(xlabel="largest miss of the ceiling (SSIM)", ylabel="most told ($R^2$)")
axis.legend(fontsize=7, ncols=2, loc="lower right")
plt.show()

# %% [markdown]
# *Notice* that only a weight of 64 (orange) brings both numbers near their best. With smaller weights the free latents
# tell a third to nine tenths of some factor in some case.
#
# No setting passes condition 2. The smallest miss belongs to *no penalty at all*, by 0.003 of SSIM. That is less than
# the spread of the three seeds, so we call the first three a tie, and let the rule's next two criteria break it: what
# is told (nothing, in all three), then LDS of ranks. This is a second change after the runs. It makes distance
# correlation with $\lambda_2 = 1$ what `Config()` has. To let you judge it, all that follows also has the model
# without `inter`.

# %% tags=["guard", "remove-cell"]
names = [name for name, _ in order]
check("the first has no penalty", names[0] == "beta_free 64, none", 1, tol=0)
check(
    "what is chosen",
    choice.chosen(results.load("galaxies-choice")) == "beta_free 64, distance 1",
    1,
    tol=0,
)
check(
    "difference of misses",
    dict(order)["beta_free 64, distance 1"]["miss"] - order[0][1]["miss"],
    0.0027,
    tol=3e-4,
)

# %% [markdown]
# ## What is mended, and what is not
#
# Five fresh seeds of each objective, on test galaxies. *Live* means that the images decide at least 1 % of a latent's
# spread.

# %%
rows = {f"{name}, case 1": name for name in ("paper", "mended", "no inter")}
reconstruction = {"ssim_image": "SSIM", "corr_flux": "flux", "corr_radius": "radius"}
reconstruction |= {"corr_g1": "g1", "corr_g2": "g2", "corr_psf": "psf"}
print(results.summary(result, reconstruction, rows, digits=4))

# %%
generation = {"generate_ssim": "SSIM, drawn", "light_sample_5": "light, 5 %"}
generation |= {"light_sample_50": "light, 50 %", "light_sample_95": "light, 95 %"}
print(results.summary(result, generation, rows))

# %%
freedom = {
    "told_by_free_radius": "told: radius",
    "told_by_free_flux": "flux",
    "live_free": "live",
}
freedom |= {
    "kurtosis_most": "kurtosis",
    "lds_ranks_normalised": "LDS of ranks",
    "lds_live": "live only",
}
print(results.summary(result, freedom, rows))

# %% mystnb={"image": {"alt": "Three panels, five dots for each of three objectives. SSIM of drawn images: paper's between 0.83 and 0.90, the other two near 0.99. What the free latents tell of radius: paper's 0.37 to 0.65, the others below 0. LDS of ranks: paper's 0.58 to 0.80, mended 0.90 to 0.93, without inter 0.70 to 0.84."}}
figure, axes = plt.subplots(1, 3, figsize=(8, 2.8), layout="constrained")
panels = ("generate_ssim", "told_by_free_radius", "lds_ranks_normalised")
heads = ("SSIM, drawn", "told of radius ($R^2$)", "LDS of ranks, normalised")
for axis, score, head in zip(axes, panels, heads, strict=True):
    for i, (variant, color) in enumerate(zip(rows, (BLUE, ORANGE, GREEN), strict=True)):
        found = results.values(result, variant, score)
        axis.plot([i] * len(found), found, "o", color=color, alpha=0.7)
    axis.set_xticks(range(3), list(rows.values()), fontsize=8)
    axis.set_ylabel(head, fontsize=8)
plt.show()

# %% [markdown]
# *Notice* the left and the middle panel: there the penalty makes no difference. In the right one it does.
#
# *Generation* is what changed most. Images made from factors alone, with free latents drawn, score 0.99 in all five
# seeds, and 90 % of them have between 0.92 and 1.09 of the light that was asked for. Under the paper's objective these
# are 0.87 (after recentring) and 0.3 to 1.6. *The free latents* tell nothing, in any seed and of any factor, where
# they told half of the radius, and their kurtosis is about 4 instead of above 100: there are no outliers left.
# Reconstructions are as good as before.
#
# *Not met*: before any run we had asked for an LDS of ranks of 0.95. It is 0.92 (0.68 under the paper's objective).
#
# *Without inter* generation is as good and nothing is told. So the weight, and not the penalty, removes the copies. What
# the penalty buys is LDS: 0.92 instead of 0.78. Even this is a matter of counting. Without `inter` only one free latent
# is live. The means of the four dead ones still follow the factors a little, and LDS has no unit. Of the live latents
# alone it is 0.93. (With `inter`, all five stay live, with half a nat together.)


# %% tags=["guard", "remove-cell"]
def mean(variant, score):
    """Over the five seeds."""
    return results.values(result, variant, score).mean()


ours, theirs = "mended, case 1", "paper, case 1"
for name in ("ssim_image", "corr_flux", "corr_radius", "corr_g1", "corr_g2"):
    found = results.paired(result, theirs, ours, name)
    check(f"{name}: paper less ours, upper end", max(found.high, 0), 0, tol=0.001)
check(
    "ours, least generate",
    results.values(result, ours, "generate_ssim").min(),
    0.99,
    tol=0.001,
)
check("light, 5 %", mean(ours, "light_sample_5"), 0.92, tol=0.01)
check("light, 95 %", mean(ours, "light_sample_95"), 1.09, tol=0.005)
check("paper, light, 5 %", mean(theirs, "light_sample_5"), 0.32, tol=0.01)
check("paper, light, 95 %", mean(theirs, "light_sample_95"), 1.59, tol=0.01)
check("paper, generate", mean(theirs, "generate_ssim"), 0.87, tol=0.01)
told = [f"told_by_free_{name}" for name in results.FACTORS]
check(
    "ours, most told",
    max(max(results.values(result, ours, n).max() for n in told), 0),
    0,
    tol=0,
)
check("paper, radius told", mean(theirs, "told_by_free_radius"), 0.51, tol=0.005)
check("ours, kurtosis", mean(ours, "kurtosis_most"), 4.2, tol=0.05)
check("paper, kurtosis", mean(theirs, "kurtosis_most"), 119, tol=1)
for variant, score, expected in (
    (ours, "lds_ranks_normalised", 0.915),
    ("no inter, case 1", "lds_ranks_normalised", 0.784),
    ("no inter, case 1", "lds_live", 0.93),
    ("no inter, case 1", "live_free", 1),
    ("no inter, case 1", "generate_ssim", 0.991),
):
    check(f"{variant}: {score}", mean(variant, score), expected, tol=0.005)
check("paper, LDS of ranks", mean(theirs, "lds_ranks_normalised"), 0.68, tol=0.01)

# %% [markdown]
# *With fewer factors told* the question is harder, because the free latents now have something to hold. Each row has a
# ceiling of its own, which the last line of its block gives.

# %%
for case in ("case 2", "case 3"):
    rows = {f"{name}, {case}": name for name in ("paper", "mended", "no inter")}
    columns = {"ssim_image": "SSIM", "generate_ssim": "drawn"}
    columns |= {"told_by_free_radius": "told: radius", "live_free": "live"}
    print(case, results.summary(result, columns, rows), sep="\n", end="\n\n")

# %% [markdown]
# Under the paper's objective the free latents tell 0.7 of the radius, ours tell nothing. In Case 2 the drawn
# images are 0.01 below the ceiling. In Case 3 they are *above* it by 0.017, as are the paper's: their variety is too
# small. Smaller weights come no nearer, and bring copies back (the figure above). That fault we leave open. When a free
# latent moves, no told factor moves by more than a fifth of its standard deviation; under the paper's objective, in Case
# 3, by about one.

# %% tags=["guard", "remove-cell"]
for case, told_then, gap, moved in (
    ("case 2", 0.72, -0.01, 0.07),
    ("case 3", 0.7, 0.017, 0.2),
):
    check(
        f"{case}: paper, told",
        mean(f"paper, {case}", "told_by_free_radius"),
        told_then,
        tol=0.01,
    )
    check(
        f"{case}: ours, told",
        max(mean(f"mended, {case}", "told_by_free_radius"), 0),
        0,
        tol=0,
    )
    runs = results.by_variant(result)[f"mended, {case}"]
    miss = [
        r["scores"]["generate_ssim"] - r["reference"]["generate_ssim"]["ceiling"]
        for r in runs
    ]
    check(f"{case}: ours, above the ceiling", np.mean(miss), gap, tol=0.001)
    moves = [v for r in runs for k, v in r["scores"].items() if k.startswith("moves")]
    check(
        f"{case}: most that a free latent moves a told factor, sd",
        max(moves),
        moved,
        tol=0.005,
    )

# %% [markdown]
# *Other pictures.* The weights were chosen on galaxies. Do they hold elsewhere? Here are sprites
# ([chapter 11](11_dsprites.ipynb), told `shape`, `scale`, position and the two codes of the orientation) and our drawn
# cars ([chapter 12](12_cars3d.ipynb), told pose and body), three seeds each. Every factor is told, so the ceiling of a
# drawn picture is 1. For sprites, whose loss is smaller, $\lambda_2$ was scaled down as it was for the paper's objective.

# %%
for name, score in (("dsprites", "scale"), ("cars", "elevation")):
    columns = {"ssim_image": "SSIM", "generate_ssim": "drawn"}
    columns |= {f"told_by_free_{score}": f"told: {score}"}
    columns |= {"lds_ranks_normalised": "LDS of ranks"}
    print(
        name,
        results.summary(results.load(f"{name}-mended"), columns),
        sep="\n",
        end="\n\n",
    )

# %% [markdown]
# On sprites the mended objective is better, or tells nothing as before, in every column: it draws new sprites as well as it redraws old ones, 0.948.
# *On cars it is worse where we wanted it to be better.* Its reconstructions gain 0.03, but its drawn cars lose 0.08, and its
# free latents tell 0.54 of the elevation, where the paper's tell 0.17. So `Config()` is a start for pictures like galaxies
# and sprites, and no law. For other pictures compare both objectives by `generate_ssim` and `told_by_free_NAME` on your
# own validation rows. We did not look for weights that suit the cars, and cannot say which part of the objective fails
# there.

# %% tags=["guard", "remove-cell"]
sprites, cars = (results.load(f"{name}-mended") for name in ("dsprites", "cars"))
for found, variant, score, expected in (
    (sprites, "mended", "ssim_image", 0.947),
    (sprites, "mended", "generate_ssim", 0.948),
    (sprites, "paper", "generate_ssim", 0.918),
    (cars, "mended", "ssim_image", 0.820),
    (cars, "paper", "ssim_image", 0.789),
    (cars, "mended", "generate_ssim", 0.639),
    (cars, "paper", "generate_ssim", 0.716),
    (cars, "mended", "told_by_free_elevation", 0.543),
    (cars, "paper", "told_by_free_elevation", 0.172),
):
    value = results.values(found, variant, score).mean()
    check(f"{variant}: {score}", value, expected, tol=0.001)

# %% [markdown]
# ## A learned penalty instead?
#
# The paper asks whether a penalty on *mutual information* would do better than one on powers. It has no closed form. A
# *critic*, a small network, can estimate it: it sees a code and a factor, and learns to tell pairs of one image from
# shuffled ones, while the encoder learns to make that impossible ([`critics`](api.md#critics)). Two forms, two values
# of $\lambda_2$, three seeds each, with the constant and without the weight, so that the critic has to do the work:

# %%
critics = results.load("galaxies-critics")
columns = {"told_by_free_radius": "told: radius", "generate_ssim": "drawn"}
columns |= {"lds_ranks_normalised": "LDS of ranks", "nats_free": "KL free"}
print(results.summary(critics, columns))

# %% [markdown]
# *Notice* the first column. In the mean the critics leave 0.69 to 0.87 of the radius in the free latents, where distances
# under the same conditions leave 0.44 (the last table of this chapter). The encoder does not have to remove a copy. It only
# has to change it faster than the critic learns, and an estimate that a weak critic makes is small. (The bound of
# the form `mine` is a *lower* bound, and to lower it proves nothing.) With other critics, learning rates or schedules the
# answer may differ. We tried these.

# %% tags=["guard", "remove-cell"]
left = [
    results.values(critics, v, "told_by_free_radius").mean()
    for v in critics["config"]["variants"]
]
check("told, least of the four means", min(left), 0.69, tol=0.01)
check("told, most of the four means", max(left), 0.87, tol=0.01)

# %% [markdown]
# ## Break it on purpose
#
# Take one part away at a time, three seeds each. "Paper, recentred" is the paper's objective with the codes' mean in
# place of 0, and needs no training of its own.

# %%
rows = {name: name for name in mending["config"]["variants"] if "case 3" not in name}
columns = {"generate_ssim": "drawn", "told_by_free_radius": "told: radius"}
columns |= {"kurtosis_most": "kurtosis", "lds_ranks_normalised": "LDS of ranks"}
print(results.summary(mending, columns, rows))
rows = {"paper, case 1": "paper"}
columns = {"generate_zero_ssim": "free at 0", "generate_mean_ssim": "recentred"}
columns |= {"generate_ssim": "recentred, drawn"}
print(results.summary(result, columns, rows))

# %% [markdown]
# *Notice*, line by line:
#
# - *The constant alone* is not enough. The free latents keep their copies, so that drawing them draws another radius.
# - *The weight alone* removes the copies. The hole stays, and only recentring makes the drawn images as good as they are.
# - *Constant and weight* make the generator: 0.995. The outliers stay, and LDS with them.
# - *Wrapped powers*, or *distances* ("ours"), remove the outliers. Both bring LDS above 0.9.
# - *Distances without the weight* leave half of the radius in the free latents.
# - *Pairs* do as well as whole rows once the weight is there. What the toy above shows is no large effect here.


# %% tags=["guard", "remove-cell"]
def three(variant, score):
    """Over three seeds."""
    return results.values(mending, variant, score).mean()


for variant, score, expected, tol in (
    ("constant", "generate_ssim", 0.75, 0.01),
    ("constant", "told_by_free_radius", 0.6, 0.02),
    ("weight", "generate_ssim", 0.927, 0.005),
    ("constant, weight", "generate_ssim", 0.995, 0.001),
    ("constant, weight", "kurtosis_most", 159, 1),
    ("constant, weight, wrapped", "kurtosis_most", 3.6, 0.1),
    ("constant, weight, wrapped", "lds_ranks_normalised", 0.94, 0.01),
    ("ours without weight", "told_by_free_radius", 0.44, 0.01),
    ("ours, pairs, case 1", "generate_ssim", 0.991, 0.001),
    ("ours, pairs, case 3", "told_by_free_radius", 0.0, 0.01),
):
    check(f"{variant}: {score}", three(variant, score), expected, tol=tol)

# %% [markdown]
# ## What this does not tell you
#
# - *Which weight is right for your data.* Case 1 always prefers a larger $\beta_\mathrm{free}$, because its free latents
#   have nothing to hold. In Case 3 a large weight takes variety away. Look at both scores, and at the ceiling.
# - *Whether the free latents are independent of the factors.* `told_by_free` is one reader, ten nearest neighbours on
#   half of the rows. It can miss what another reader finds.
# - *What a dead latent means.* LDS counts a latent whose mean hardly moves like any other, since a correlation has no
#   unit. That is why the penalty acts on means, and why a model with dead free latents can still have a low LDS.
# - *Whether the constant is all that was missing.* It removes the need for an offset. An encoder may still put codes
#   where the prior is thin, and only a comparison of the two distributions (chapter 3) would show it.
#
# ## Exercises
#
# ### Exercise 14.1 (pen, 5 minutes)
#
# A batch has $B = 128$ images of $P = 1089$ pixels, and $\lambda_2 = 0.6$. One image's free latent moves from 0 to $t$.
# Suppose this lowers `inter` by 0.05. Up to which $t$ does the move pay? Write the function; the answer is about 91.


# %% tags=["solution"]
def farthest_that_pays(lowers, weight=0.6, pixels=1089, rows=128):
    """Largest t for which the KL of one outlier is below the penalty saved."""
    return (2 * rows * weight * pixels * lowers) ** 0.5


# %%
check("t, in latent units", farthest_that_pays(0.05), 91.5, tol=0.1)
check("a quarter of the saving", farthest_that_pays(0.0125), 45.7, tol=0.1)

# %% [markdown]
# <details><summary>Why</summary>
#
# The saving is $P\lambda_2 \cdot 0.05 = 33$ nats. By (14.4) the price is $t^2/256$. Both are equal at
# $t = \sqrt{256 \cdot 33} = 91$. The prior expects a standard deviation of 1, yet the objective accepts 91.
#
# </details>
#
# ### Exercise 14.2 (code, 15 minutes)
#
# Write the squared distance correlation of two columns, without U-centring: centre rows and columns of both distance
# matrices by their means, as one does with a table in statistics, and divide. Then see what U-centring is good for: what
# does your function give for independent columns with 20 rows, on average?


# %% tags=["solution"]
def plain_distance_correlation(z, u):
    """Squared distance correlation of two columns (n,), with double centring."""
    matrices = []
    for x in (z, u):
        a = np.abs(x[:, None] - x)
        matrices.append(a - a.mean(0) - a.mean(1)[:, None] + a.mean())
    a, b = matrices
    return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())


# %%
rng = np.random.default_rng(seed)
z, u = rng.standard_normal((2, 20, 300))
chance_20 = np.mean(
    [plain_distance_correlation(*pair) for pair in zip(z.T, u.T, strict=True)]
)
check("a line", plain_distance_correlation(z[:, 0], 3 - 2 * z[:, 0]), 1, tol=1e-9)
check("independent, 20 rows, mean", chance_20, 0.15, tol=0.04)

# %% [markdown]
# <details><summary>Why</summary>
#
# Without U-centring, independent columns of 20 rows have about 0.15. The package's version has 0 on average, so a
# penalty on small batches pushes at nothing that is not there. Both agree for many rows.
#
# </details>
#
# ### Exercise 14.3 (think, 10 minutes)
#
# A model is told one of two independent factors that decide the image equally. Its generated images, with free
# latents drawn, are compared with truth images of the same told factor. Give the score of a perfect generator as a
# function of the similarity $s_1$ of images that share both factors (1) and $s_0$ of images that share only the told
# one. Which score does a generator get that ignores its free latents and draws the image that is most similar to all? What
# does it mean if a model's score is above the first?


# %% tags=["solution"]
def too_good(score, ceiling, tolerance=0.01):
    """Whether a score of generated images says that the model has too little variety."""
    return score > ceiling + tolerance


# %%
check("Case 3, drawn, the ceiling itself", too_good(0.671, 0.671), 0, tol=0)
check("Case 3, a model that draws one image", too_good(0.772, 0.671), 1, tol=0)

# %% [markdown]
# <details><summary>Why</summary>
#
# A perfect generator draws the other factor anew, so that its image shares only the told one with the truth: $s_0$. A
# generator that always draws a middle image is more similar to most of them, since it is never at the opposite end. It
# scores more, and has no variety. So the ceiling of a *drawn* score is what the simulator itself gets, and more is a
# fault.
#
# </details>
#
# ## Quiz
#
# **1.** The first layer of a decoder is $h = Wz + b$ with one $b$ for each channel, the same at all places. Does that
# close the hole?
#
# <details><summary>Answer</summary>
#
# No. The mean over galaxies of the first layer's output must differ from place to place, and a constant that is the same
# at all places does not help. The package's constant has one value for each channel *and* place.
#
# </details>
#
# **2.** Distance correlation is 0 in expectation for independent data and is 0.02 in a batch of 64. Is there a
# dependence?
#
# <details><summary>Answer</summary>
#
# One cannot tell from one batch: for eight latents and one factor its standard deviation over batches of 64 is 0.02. The
# mean over many batches can tell, and that mean is what training follows.
#
# </details>
#
# **3.** A model's free latents all have $\mathrm{KL} = 0$. What is its `told_by_free`, and is that good?
#
# <details><summary>Answer</summary>
#
# At its floor, since samples of the free latents are noise. In Case 1 that is right: nothing is left to hold. In Case 3
# it is a fault, since the shear of a galaxy is then nowhere in the code.
#
# </details>
#
# ## Take-aways
#
# - A first layer without a constant forces the free latents away from 0. A constant for each place, or recentring, closes
#   the hole.
# - In nats, one unit of `inter` is worth hundreds, an outlier six. Count before you add a term.
# - Outliers hide a copy from correlations, and several latents can share one. Distances between whole rows see both.
# - A drawn score has the simulator's score as its ceiling, and more than the ceiling means too little variety.
#
# ## Further reading
#
# - [Szekely and Rizzo 2014](https://doi.org/10.1214/14-AOS1255), U-centring; [Gretton et al.
#   2005](https://doi.org/10.1007/11564089_7), HSIC; [Sejdinovic et al. 2013](https://arxiv.org/abs/1207.6076), why both
#   are one family.
# - [Raymaekers and Rousseeuw 2021](https://doi.org/10.1080/00401706.2019.1677270), wrapping.
# - [Dupont 2018](https://arxiv.org/abs/1804.00104), JointVAE, and [Jeong and Song
#   2019](https://arxiv.org/abs/1905.09432), CascadeVAE: a KL weight for each group of latents.
# - [Belghazi et al. 2018](https://arxiv.org/abs/1801.04062), MINE; [Cheng et al. 2020](https://arxiv.org/abs/2006.12013),
#   CLUB, an upper bound; [Poole et al. 2019](https://arxiv.org/abs/1905.06922), how such bounds vary.
#
# <details class="instructor"><summary>For the teacher</summary>
#
# *Wrong answers to expect.* That the hole is a matter of training longer; that a bias per channel would do; that a
# higher score of generated images is always better. *Where to pause.* Before the first table: let the class guess the
# light. After (14.4): let them compute the price of an outlier. *What to cut.* With 45 minutes, skip the outliers and
# keep the shared copies.
#
# </details>
