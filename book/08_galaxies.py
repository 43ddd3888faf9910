# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Galaxies: does the paper hold?
#
# [![Open this chapter in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_GITHUB_OWNER/auxvae-lite/blob/main/book/08_galaxies.ipynb)
# [![Launch this chapter on Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/YOUR_GITHUB_OWNER/auxvae-lite/main?urlpath=lab/tree/book/08_galaxies.ipynb)
#
# [Modules `results`](api.md#results), [`baselines`](api.md#baselines) and [`sensitivity`](api.md#sensitivity) · The
# galaxy experiments of [arXiv 2507.00298](https://arxiv.org/abs/2507.00298)
#
# Six claims of the paper, each put to a test that it could fail, with five seeds of every method.
#
# **After this chapter you can**
#
# - compare methods fairly: the same galaxies, as many settings each, a choice on rows that are not quoted;
# - pair differences by seed, and say what five seeds can show;
# - tell what labels alone buy from what a method adds;
# - measure whether a latent changes one property of the picture, or several;
# - split three terms of a loss into main effects and interactions.
#
# **You need** [chapter 6](06_training.ipynb), which trains the model, and LDS from [chapter 7](07_metrics.ipynb).
# **Helpful**: the rest of chapter 7. **Time**: 45 minutes of reading, more with a pencil; the code runs for about half
# a minute on one core.

# %% tags=["remove-cell"]
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("auxvae_lite") is None:  # Colab: fetch the package, leave its torch alone
    address = "git+https://github.com/YOUR_GITHUB_OWNER/auxvae-lite"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", address], check=True)

# %% tags=["parameters"]
rows = 4096  # galaxies that are traversed, and read by the IDVAE
draws = 40000  # experiments of the Monte Carlo check
seed = 0

# %% [markdown]
# ## Predict first
#
# Four encoders learn from the same 11,468 galaxies. A VAE sees pictures only. This book's Aux-VAE sees the five
# factors, too, in its prior and its penalties. An IDVAE has a prior that is itself learnt from the factors. The
# fourth is no generative model at all: a plain *regression* of the factors on the picture, beside a decoder that
# learns to draw the galaxy from the regression's five answers.
#
# *Which has the best LDS, and which draws best? Would the paper's claims survive the fourth?*
#
# <details><summary>One answer</summary>
#
# The regression's LDS is at least the Aux-VAE's: not to be told apart as it stands, far better of ranks. The VAE and
# its kin draw best, the Aux-VAE a little behind them. So "far better disentangled than a VAE" is true, and is what
# *labels* do: the question is what the Aux-VAE adds to them. It draws better than the regression, and it has latents
# for what no label tells ([chapter 9](09_sensitivity.ipynb) takes labels away).
#
# </details>

# %%
from itertools import combinations, product

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats
from scipy.optimize import linear_sum_assignment

from auxvae_lite import metrics, sensitivity, viz
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.pages import pretrained
from auxvae_lite.pages.teaching import check, show_source
from auxvae_lite.simulators import galaxies
from auxvae_lite.study import results

ours, theirs, factorial = (
    results.load(f"galaxies-{name}") for name in ("baselines", "authors", "factorial")
)
every = ours | {"runs": ours["runs"] + theirs["runs"] + factorial["runs"]}
for result in ours, theirs, factorial:
    seeds = {run["seed"] for run in result["runs"]}
    variants = len(results.by_variant(result))
    print(f"{result['experiment']}: {variants} variants, {len(seeds)} seeds each")

# %% [markdown]
# ## Who may see what
#
# Nothing here is trained at length: each number comes from the package's result files, which
# `data_scripts/make_evidence.py` writes. A seed decides the training galaxies, the first weights and the batches;
# all are scored on the same 16,384 other galaxies.
#
# | method | latents | labels in training | settings |
# |---|---|---|---|
# | Aux-VAE | 10 | in the prior and the penalties | $\lambda_2$ = 0.3, 0.6, 1.2 |
# | $\beta$-VAE | 10 | none | $\beta$ = 1 (the VAE), 4, 16 |
# | IDVAE | 10 | in the prior, and in the encoder half of the time | $\beta$ = 1, 4, 16 |
# | regression | 5 | as what is to be predicted | one |
# | authors' variant | 10 | in the prior and the penalties | their script's, by epochs |
#
# *No method sees a label when it is scored.* For the IDVAE this needs care, since its published encoder takes picture
# *and* label. Ours has the label hidden from it for half of the images in training, and always in scoring; what
# happens otherwise is shown under *Break it on purpose*.
#
# *The two controls* ask what labels alone buy. The regression's loss has no weight that matters (encoder and decoder
# share no gradient), so it has one setting. The other is a *VAE with a line*: the VAE as it is, and a linear
# regression of the factors on its ten latents, fitted afterwards on the same labels.
#
# Encoder, decoder, epochs and learning rate are the same for all but the authors' variant. It has the authors'
# network, loss, and optimiser (the [ledger](13_ledger.ipynb) goes through them), and 60 to 360 epochs where ours
# has 22.
#
# ## Choose on some rows, quote others
#
# The paper chooses its weights by the smallest product
#
# $$
# \mathrm{product} = \mathrm{MSE} \cdot (1 - \mathrm{LDS}). \tag{8.1}
# $$
#
# We take it on the 3,278 *validation* rows, averaged over seeds, for each method alike, and quote the 16,384 *test*
# rows, which have no say in the choice.

# %%
families = {
    "Aux-VAE": [name for name in results.by_variant(ours) if name.startswith("aux")],
    "beta-VAE": ["vae", "beta-vae, beta 4", "beta-vae, beta 16"],
    "IDVAE": [name for name in results.by_variant(ours) if name.startswith("idvae")],
}
best = {name: results.chosen(ours, settings) for name, settings in families.items()}
print(f"{'':<22}{'10^6 x product':>15}{'seeds that choose it':>22}")
for name, settings in families.items():
    tried = [results.values(ours, v, "validation_product") for v in settings]
    wins = np.bincount(np.argmin(tried, axis=0), minlength=len(tried))
    for variant, values, won in zip(settings, 1e6 * np.array(tried), wins, strict=True):
        mark = "  <- chosen" if variant == best[name] else ""
        spread = f"{values.mean():.0f} ±{values.std(ddof=1):.0f}"
        print(f"{variant:<22}{spread:>15}{won:>12}{mark}")

# %%
last = list(results.by_variant(theirs))[-1]  # most epochs
methods = {best["Aux-VAE"]: "Aux-VAE", "vae": "VAE", best["beta-VAE"]: "beta-VAE"}
methods |= {best["IDVAE"]: "IDVAE", "supervised": "regression", last: "authors'"}
unguided = families["beta-VAE"] + families["IDVAE"]
for first, second in product(families["Aux-VAE"], unguided):  # 18 pairs of settings
    for score in "lds_normalised", "lds_ranks_normalised":
        assert results.paired(ours, first, second, score).low > 0

# %% [markdown]
# The settings of one method are nearly alike, and different seeds would choose different ones. So little hangs on the
# choice: whichever of its settings stood for a method, the Aux-VAE would come out above the other two in LDS, by far
# more than the intervals of the next section (the cell tries all 18 pairs). The VAE is a $\beta$-VAE, too; it gets a
# row of its own because many papers compare with it.
#
# ## Pair by seed
#
# Two methods with the same seed have the same galaxies. What a lucky set of galaxies does to both cancels in their
# difference $D_i$, one for each of $m$ seeds. How far is their mean $\bar D$ from what more and more seeds would
# give? If the $D_i$ are normal, with unknown spread, $\bar D$ divided by its own estimated error follows Student's
# $t$ with $m - 1$ degrees of freedom, so
#
# $$
# \bar D \pm t_{m-1,\,0.975}\,\frac{s_D}{\sqrt m}, \qquad
# s_D^2 = \frac1{m-1} \sum_i (D_i - \bar D)^2, \tag{8.2}
# $$
#
# covers it in 95 of 100 such experiments. For $m = 5$ the factor $t$ is 2.78: five seeds pay for not knowing their
# spread. In the package `results.paired` takes the differences, and this does the rest:

# %%
show_source(results.interval)

# %% [markdown]
# | symbol | name | unit | shape |
# |---|---|---|---|
# | $D_i$ | `differences` | the score's | (m,) |
# | $\bar D$, $\bar D \pm \dots$ | `paired(...).mean`, `.low`, `.high` | the score's | numbers |
# | $T_{jm}$ | `traversal(...).matrix` | sd of the property over galaxies | (d, 5) |
# | $E_a$, $E_{ab}$ | `effects(y)` (below) | the score's | (m,) each |
# | $\tau$ | `agreement` (below) | none | one number |
#
# ## Check it by hand
#
# Let five seeds differ by 0.01, 0.02, 0.03, 0.04 and 0.05. The mean is 0.03, $s_D = 0.01\sqrt{2.5} = 0.0158$, the error
# $0.0158/\sqrt5 = 0.00707$, and the interval $0.03 \pm 2.776 \cdot 0.00707 = 0.03 \pm 0.0196$.

# %%
by_hand = results.interval([0.01, 0.02, 0.03, 0.04, 0.05])
check("mean", by_hand.mean, 0.03, tol=1e-9)
check("lower end", by_hand.low, 0.03 - 0.0196, tol=5e-5)
check("upper end", by_hand.high, 0.03 + 0.0196, tol=5e-5)

# %% [markdown]
# ## Check it by Monte Carlo
#
# Draw many experiments of five normal differences whose true mean is 0.03, and count how often the interval holds it.
# Beside it the interval that many papers print, $\bar D \pm 1.96\, s_D/\sqrt m$.

# %%
drawn = np.random.default_rng(seed).normal(0.03, 0.02, (draws, 5))
error = drawn.std(1, ddof=1) / 5**0.5
for name, factor, cover in (("t", stats.t.ppf(0.975, 4), 0.95), ("1.96", 1.96, 0.878)):
    held = np.abs(drawn.mean(1) - 0.03) < factor * error
    check(f"share that holds the truth, {name}", held.mean(), cover, tol=0.01)

# %% [markdown]
# With five seeds "1.96 standard errors" is wrong one time in eight, not in twenty.
#
# ## G1, G3, G4: the pictures
#
# The claims: SSIM is about 0.96 for the Aux-VAE (G1) and 0.89 for the $\beta$-VAE (G3), and the Aux-VAE beats the
# IDVAE (G4). Three conventions, as in chapter 7: the range of the whole set, which is the paper's; the range of each
# image; and each image's range against the noiseless truth.

# %%
conventions = {"ssim_global": "set's range", "ssim_image": "image's range"}
conventions["ssim_clean"] = "noiseless"
print(results.summary(every, conventions, methods, digits=4))

# %%
def by_seed(variant, score):
    """One number per seed, of any of the three results."""
    return results.values(every, variant, score)


def mean(variant, score):
    """Mean over seeds."""
    return by_seed(variant, score).mean()


def surely(first, second, score):
    """Whether the first variant is above the second in that score, interval and all."""
    return results.paired(every, first, second, score).low > 0


# %%
def against(score, digits):
    """The Aux-VAE minus each other method, paired by seed, with its 95 % interval."""
    print(f"Aux-VAE minus ..., {score}")
    for variant, head in methods.items():
        if head != "Aux-VAE":
            found = results.paired(every, best["Aux-VAE"], variant, score)
            numbers = [f"{value:+.{digits}f}" for value in found[:3]]
            print(f"{head:<12}{numbers[0]:>9}  from {numbers[1]} to {numbers[2]}")


against("ssim_image", 4)

# %%
aux, beta, idvae = best["Aux-VAE"], best["beta-VAE"], best["IDVAE"]
reference = ours["runs"][0]["reference"]["ssim_global"]
check("Aux-VAE, the paper's convention", mean(aux, "ssim_global"), 0.9994, tol=1e-4)
check("beta-VAE, the paper's convention", mean(beta, "ssim_global"), 0.9993, tol=2e-4)
check("the set's mean image", reference["mean"], 0.939, tol=1e-3)
assert all(surely(other, aux, "ssim_image") for other in ("vae", beta, idvae))
assert surely(aux, "supervised", "ssim_image") and surely(aux, last, "ssim_image")

# %% [markdown]
# *G1 holds, and says little.* In the paper's convention 0.96 is far below what our Aux-VAE reaches, and only just above
# the 0.94 of one mean image for all galaxies.
#
# *G3's picture half does not hold here.* Our $\beta$-VAEs draw as well as anything: in the image's range and against
# the truth they are *better* than the Aux-VAE, by one or two thousandths, in an interval that excludes 0. The paper's
# 0.89 lies below the mean image (of our set; theirs may differ). A network that does worse than one constant picture
# has not been trained to its end, or has been stopped by its loss; the number does not say what a $\beta$-VAE can do.
#
# *G4's picture half does not hold.* The IDVAE, too, draws slightly better than the Aux-VAE.
#
# *Guidance costs pictures, a little.* VAE, $\beta$-VAE and IDVAE use ten latents as they like. The regression's five
# numbers are the factors, and its decoder has to live with them; the Aux-VAE, with five free latents more, is between.
#
# ## G2, G3, G4: the latents
#
# The claims: LDS up to 0.94 for the Aux-VAE (G2), 0.48 for the $\beta$-VAE (G3), and better than the IDVAE (G4). First
# all five factors, raw, normalised (floor 0, expected ceiling 1), and normalised LDS of ranks, in which a distant row
# weighs no more than another (chapter 7).

# %%
columns = {"lds": "LDS", "lds_normalised": "normalised"}
columns["lds_ranks_normalised"] = "of ranks"
print(results.summary(every, columns, methods))

# %%
against("lds_normalised", 2)
against("lds_ranks_normalised", 2)

# %% [markdown]
# (A ceiling is an expectation, which a run can pass. The one printed is a mean over methods: for ten latents it is
# 0.947, for the regression's five 0.975. So compare normalised values.) Now the paper's own way to count: the first
# three factors alone, and as the authors' script has it, with sampled codes of at most 10,000 *training* images.

# %%
columns = {"lds3": "first three", "lds3_normalised": "normalised"}
columns["lds_authors"] = "script"
print(results.summary(every, columns, methods))
perfect = 1 / (1 + 9 * metrics.expected_null(10_000))
raw = [results.values(ours, variant, "lds") for variant in families["Aux-VAE"]]
print(f"a perfect code on 10,000 rows is expected at {perfect:.3f}")
print(f"highest raw LDS of {np.size(raw)} Aux-VAE runs: {np.max(raw):.3f}")

# %%
linear, ranked = "lds_normalised", "lds_ranks_normalised"
check("Aux-VAE, raw LDS", mean(aux, "lds"), 0.917, tol=2e-3)
check("Aux-VAE, normalised", mean(aux, linear), 0.958, tol=2e-3)
check("Aux-VAE, normalised, of ranks", mean(aux, ranked), 0.71, tol=0.01)
check("regression, of ranks", mean("supervised", ranked), 0.987, tol=2e-3)
for variant in ("vae", beta, idvae):
    check(f"{methods[variant]}, normalised", mean(variant, linear), 0.0, tol=0.05)
    assert surely(aux, variant, linear) and surely(aux, variant, ranked)
assert surely("supervised", aux, ranked) and not surely("supervised", aux, linear)
assert not any(surely(idvae, "vae", score) for score in (linear, "sap_r2", "dci_d"))

# %% mystnb={"image": {"alt": "Two panels of points, normalised LDS against how far SSIM stays below the noiseless truth. VAE, beta-VAE and IDVAE lie at the bottom, nearest to the truth. Aux-VAE and regression lie at the top; by ranks, right panel, only the regression stays at the top, and the Aux-VAE spreads from 0.6 to 0.85. The authors' variant draws worst."}}
colours = "#0072B2", "#999999", "#E69F00", "#CC79A7", "#009E73", "#D55E00"
truth = ours["runs"][0]["reference"]["ssim_image"]["truth"]
panels = {linear: "LDS", ranked: "LDS of ranks"}
figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.6), sharey=True, layout="constrained")
for axis, (score, title) in zip(axes, panels.items(), strict=True):
    for variant, c, marker in zip(methods, colours, "o^vsDP", strict=True):
        points = truth - by_seed(variant, "ssim_image"), by_seed(variant, score)
        axis.scatter(*points, 30, color=c, marker=marker, label=methods[variant])
    axis.set(xscale="log", xlabel="truth's SSIM - SSIM (no unit)", title=title)
    axis.set_xticks([0.05, 0.02, 0.01, 0.005, 0.002], [0.05, 0.02, 0.01, 0.005, 0.002])
    axis.set_xticks([], minor=True)
    axis.invert_xaxis()
axes[0].set_ylabel("normalised (no unit)")
axes[0].legend(fontsize=7, loc="center right")
plt.show()

# %% [markdown]
# *Notice* that right and high is good, that each point is one seed, and how much the Aux-VAE drops from the left
# panel to the right.
#
# *G2 holds.* 0.94 is within reach of single runs; the mean is 0.92, and 0.89 in the authors' way. Since a perfect
# code of ten latents is itself expected at 0.947 on these rows, and at 0.933 in the authors' way, there is not much
# more to reach.
#
# *But it rests on few rows.* Of ranks the normalised value is 0.71: the free latents of most galaxies do go with the
# factors, and a few distant ones hide it (chapter 7).
#
# *G3's other half holds more than claimed.* Our $\beta$-VAEs are at the floor: 0.25, which is noise, where the paper
# has 0.48. The direction is right.
#
# *G4's other half holds*: the IDVAE is at the floor as well, and neither LDS, nor SAP, nor D of DCI tells it from the
# VAE. A likely reason: its prior is learnt towards $\mathcal N(0, I)$, which is round, so that turning the latents
# into each other costs next to nothing, and no term asks for one factor in one latent.
#
# *And the regression has it all, without any of the method.* Its normalised LDS cannot be told from the Aux-VAE's; of
# ranks it is far better.
#
# ## What labels alone buy
#
# How well is each factor known at all? $R^2$ of a line through all latents, on test rows:

# %%
def per_factor(label, variants):
    """One score per factor, methods as rows."""
    columns = {f"{label}_{name}": name for name in galaxies.NAMES}
    print(results.summary(every, columns, variants, 2))


per_factor("linear", methods)

# %% [markdown]
# Every encoder knows four factors. `psf` separates them, since hardly a pixel depends on it: who is not made to
# predict the labels never learns it, not even the IDVAE, which has them in training. Now take the ten latents of the
# VAE, read five factors from them by that line, and score the *readings*. No part of the VAE has changed; five
# regressions have been added.

# %%
columns = {"lds_normalised": "latents", "lds_readout_normalised": "readings"}
print("normalised LDS of\n" + results.summary(every, columns, methods))
readings = mean("vae", "lds_readout_normalised")
check("VAE with a line", readings, 0.77, tol=0.01)
check("its R^2 of psf", mean("vae", "linear_psf"), 0.0, tol=0.01)
check("the Aux-VAE's", mean(aux, "linear_psf"), 0.70, tol=0.01)

# %% [markdown]
# Most of the distance between a VAE and an Aux-VAE is bought by the labels, not by how they are used: a line fitted
# afterwards brings 0.77 of the scale, and a plain regression all of it. Labels *during* training can add two things
# that a line cannot: `psf`, and the last four to eight per cent of the other four. They do so in the Aux-VAE and in the
# regression, whose losses tie a latent to a label, and not in the IDVAE.
#
# What does the Aux-VAE have that the regression has not? Better pictures, by five thousandths of SSIM, and latents
# for what no label tells. When every factor is labelled there is little of that. [Chapter 9](09_sensitivity.ipynb)
# takes labels away.
#
# ## What remains in the others
#
# Set each factor's own latent aside (without guidance: the best matching of latents to factors, each latent used once,
# by $|\rho|$), and predict the factors from those that are left, on test rows. First by a line:

# %%
free = {variant: head for variant, head in methods.items() if head != "regression"}
per_factor("others_linear", free)

# %% [markdown]
# Then by the ten nearest neighbours, which see bends, and what several latents tell together:

# %%
per_factor("others_neighbours", free)

# %%
four = [name for name in galaxies.NAMES if name != "psf"]
line = [mean(aux, f"others_linear_{name}") for name in four]
near = [mean(aux, f"others_neighbours_{name}") for name in four]
check("Aux-VAE, by a line, at most", max(line), 0.03, tol=0.02)
check("Aux-VAE, by neighbours, at least", min(near), 0.30, tol=0.03)
check("Aux-VAE, by neighbours, at most", max(near), 0.69, tol=0.03)
assert min(by_seed(aux, f"others_neighbours_{name}").min() for name in four) > 0.2

# %% [markdown]
# A line finds next to nothing beside the Aux-VAE's guided latents. Neighbours find between 0.3 and 0.7 of the
# variance of four factors. $\lambda_2$ makes the free latents *uncorrelated* with the factors; it does not make
# them free of the factors. That is the same in every seed, so it is no accident of the model of chapter 7. (A value
# below 0 is worse than answering the mean.)
#
# ## The authors' variant: is it done?
#
# Their script trains for 1,000 epochs. We have the time for fewer, and ask whether the scores still move.

# %%
minutes, groups = 0, list(results.by_variant(theirs))
for variant in groups[:3]:  # each goes on from the last
    group = results.by_variant(theirs)[variant]
    minutes += np.mean([run["seconds"]["train"] for run in group]) / 60
    print(f"{variant}: {minutes:.1f} minutes a seed")
print(f"on {theirs['machine'].split(',')[0]}; {groups[3]}: interrupted")
lengths = [int(name.split()[0]) for name in groups]
panels = {"ssim_image": "SSIM, image's range", "lds": "LDS"}
panels["best_psf"] = r"$|\rho|$ of psf"

# %% mystnb={"image": {"alt": "Three panels against epochs, five lines each. SSIM rises, wanders between 0.90 and 0.96, and ends near 0.95. LDS of five factors rises from 0.7 to between 0.84 and 0.9, in one seed with a small fall at the end; LDS by the authors' script stays near 0.89, but for one seed that ends at 0.82. The correlation of the psf latent stays near 0.1, then rises past 0.6 in four of five seeds by 240 epochs and above 0.5 in the fifth by 360."}}
figure, axes = plt.subplots(1, 3, figsize=(8, 3), layout="constrained")
for axis, (score, label) in zip(axes, panels.items(), strict=True):
    lines = np.array([results.values(theirs, name, score) for name in groups])
    axis.plot(lengths, lines, "o-", color="#D55E00", alpha=0.7, markersize=4)
    axis.set(xlabel="epochs", ylabel=f"{label} (no unit)", xscale="log", xticks=lengths)
    axis.axhline(mean(aux, score), color="#0072B2", linestyle="--", label="Aux-VAE, 22")
    axis.set_xticks(lengths, lengths, fontsize=8)
    axis.set_xticks([], minor=True)
script = np.array([results.values(theirs, name, "lds_authors") for name in groups])
axes[1].plot(lengths, script, "s:", color="gray", alpha=0.6, markersize=3)
axes[0].legend(fontsize=7)
plt.show()

# %%
print(f"{'epochs':<10}" + "".join(f"{name:>18}" for name in panels))
for first, second in zip(groups[1:], groups, strict=False):
    line = f"{first.split()[0]} - {second.split()[0]}"
    found = [results.paired(theirs, first, second, score) for score in panels]
    cells = [f"{f.mean:+11.3f} ±{f.high - f.mean:.3f}" for f in found]
    print(f"{line:<10}" + "".join(cells))
final = [results.paired(theirs, groups[-1], groups[-2], score) for score in panels]
assert all(f.low < 0 < f.high for f in final)
pictures = [by_seed(name, "ssim_image") for name in groups]
worse = (pictures[-1] < pictures[-2]).sum()
check("seeds that draw worse than at 240 epochs", worse, 2, tol=0)

# %% [markdown]
# *Notice* the gray squares, LDS by the authors' script: level from the start, while LDS of all five factors (orange)
# climbs, after 240 epochs in four seeds of five. The script looks at three factors only, and they are learned first.
#
# *Done? Five seeds cannot tell.* From 240 to 360 epochs all three means rise and all three intervals hold 0. But `psf`
# rises in every seed, and its interval is wide because one seed, late before, gains 0.37. Two of five draw worse. So
# what we quote of the authors' variant may be below its best, and we do not know by how much. In their own way its
# three-factor LDS is 0.88 ± 0.04; G2's 0.94 is above the 0.933 that is expected of a perfect code.
#
# (The run to 360 epochs was interrupted on the machine named above and finished on one without a GPU, so its time says
# nothing.)
#
# ## T1: one property at a time?
#
# The claim: moving $z_{\mathrm{aux},j}$ changes flux, radius, the two shears and the blur one at a time, and a
# $\beta$-VAE mixes them. First look, then measure. One latent runs from its 5 % to its 95 % quantile over the data
# while the others keep their values. The package carries one Aux-VAE and one $\beta$-VAE of one seed:

# %% tags=["nbval-ignore-output"]
data = FactorDataset(*galaxies.simulate(rows, seed=1_000_000))
typical = galaxies.render([[5e4, 0.4, 0.0, 0.0, 0.3]])[0].numpy()
models = {name: pretrained.load(f"galaxies-{name}") for name in ("auxvae", "betavae")}
codes = {name: model.encode(data.images).mu.numpy() for name, model in models.items()}
rho = np.abs(metrics.correlations(codes["betavae"], data.factors))
matched = linear_sum_assignment(-rho.T)[1]  # a latent for each factor, each used once
for name, j in zip(data.names, matched, strict=True):
    print(f"beta-VAE: z[{j}] for {name:<7} |rho| {rho[j, data.names.index(name)]:.2f}")


def spans(name, latents):
    """From the 5 % to the 95 % quantile of each latent."""
    return {int(j): tuple(np.quantile(codes[name][:, j], [0.05, 0.95])) for j in latents}


# %% mystnb={"image": {"alt": "Aux-VAE, five rows of five pictures. The first row brightens, the second widens, the third stretches from upright to lying, the fourth turns along the diagonals; the fifth hardly changes."}}
viz.traversals(models["auxvae"], typical, spans("auxvae", range(5)), steps=5)
plt.show()

# %% mystnb={"image": {"alt": "Beta-VAE, five rows of five pictures, one for each matched latent. Along every row the galaxy changes brightness, size and orientation together; no row changes one of them alone."}}
viz.traversals(models["betavae"], typical, spans("betavae", matched), steps=5)
plt.show()

# %% [markdown]
# (Above the Aux-VAE, rows in the order `flux`, `radius`, `g1`, `g2`, `psf`; below, the $\beta$-VAE's latents have no
# order, so each factor got the latent that correlates best with it, no latent twice.)
#
# Now the number. Measure flux, size, shear and core of every decoded picture, by moments, and average over 200
# galaxies $i$:
#
# $$
# T_{jm} = \frac1{s_m} \sqrt{\operatorname{mean}_i\, \operatorname{var}_t\;
# m\bigl(\mathrm{decode}(z_i \text{ with } z_{ij} = q_{jt})\bigr)}, \tag{8.3}
# $$
#
# where $q_{jt}$ are seven values between the two quantiles and $s_m$ is the spread of property $m$ over all galaxies.
# $T = 1$ is "as much as galaxies differ". The *core* is the share of light in the middle nine pixels.

# %%
show_source(sensitivity._traverse)

# %% [markdown]
# A galaxy is no ideal case, either: a larger one has a fainter core, and the blur rounds a shear. So the same was
# done to the *simulator*, moving its factors. That is the best that any decoder can do. Mixing in one number is the
# disentanglement $D$ of chapter 7, with squared movements $T^2$ of flux, size, $g_1$, $g_2$ as importances: 1 if each
# latent moves one property, 0 if each moves all four alike. By hand: two latents that move two properties each,
# alike, have $D = 1 - \ln 2/\ln 4 = \tfrac12$.

# %%
half = np.kron(np.eye(2), np.ones((2, 2)))
halves = sensitivity.separation(np.hstack([half, np.zeros((4, 1))]))
check("D of pairs", halves.disentanglement, 0.5, tol=1e-9)
simulator = sensitivity.simulator_traversal(galaxies.render, data)


def movement(variant):
    """T of every seed, shape (seeds, 10, 5)."""
    cells = product(range(10), sensitivity.MOMENTS)
    found = np.array([by_seed(variant, f"move_{j}_{m}") for j, m in cells])
    return found.T.reshape(-1, 10, 5)


# %%
def own(variant, matrix):
    """A factor's row: a guided one's, or one matched by what it moves."""
    if methods[variant] in ("Aux-VAE", "regression", "authors'"):
        return matrix[:5]
    return matrix[linear_sum_assignment(-matrix[:, :4].T)[1]]


def pictures_of(variant):
    """Mean over seeds of the rows that belong to a factor."""
    return np.mean([own(variant, matrix) for matrix in movement(variant)], axis=0)


# %% mystnb={"image": {"alt": "Four tables of numbers shaded by size: latents as rows, flux, size, g1, g2 and core as columns. Simulator and Aux-VAE show the same clear diagonal of ones for flux, size, g1 and g2, with the core following the radius, and an empty psf row. The authors' variant is like them, a little blurred. The beta-VAE's rows have entries everywhere, and a weaker diagonal."}}
shown = {"simulator": simulator.matrix, "Aux-VAE": pictures_of(aux)}
shown |= {"authors' variant": pictures_of(last), "beta-VAE, matched": pictures_of(beta)}
figure, axes = plt.subplots(2, 2, figsize=(7, 5.4), layout="constrained")
for axis, (title, matrix) in zip(axes.flat, shown.items(), strict=True):
    axis.imshow(matrix, vmin=0, vmax=1.1, cmap="Blues", aspect="auto")
    for (row, column), value in np.ndenumerate(matrix):
        style = {"color": "black" if value < 0.6 else "white", "fontsize": 8}
        axis.text(column, row, f"{value:.2f}", ha="center", va="center", **style)
    names = galaxies.NAMES if len(matrix) == 5 else sensitivity.MOMENTS[:4]
    axis.set_yticks(range(len(matrix)), names, fontsize=8)
    axis.set_xticks(range(5), sensitivity.MOMENTS, fontsize=8)
    axis.set_title(title, fontsize=9)
figure.supxlabel("property of the picture (T, units of its spread)", fontsize=9)
plt.show()

# %% [markdown]
# *Notice* the columns: a column that is dark once is a property that one latent has to itself. Means over five seeds;
# the $\beta$-VAE's four rows are, seed by seed, the four latents that together move the four properties most, no
# latent twice, which is as kind to it as a reading can be.

# %% tags=["nbval-ignore-output"]
print(f"{'D of':<12}{'own rows':>14}{'all rows':>14}{'free, flux':>12}")
alone = sensitivity.separation(simulator.matrix, 10).disentanglement
print(f"{'simulator':<12}{alone:8.3f}")
separate = {}
for variant, head in methods.items():
    matrices = movement(variant)
    separate[variant], whole = (
        np.array([sensitivity.separation(T, 10).disentanglement for T in tables])
        for tables in ([own(variant, T) for T in matrices], matrices)
    )
    pair = (separate[variant], whole)
    cells = "".join(f"{d.mean():8.3f} ±{d.std(ddof=1):.3f}" for d in pair)
    rest = f"{matrices[:, 5:, 0].max():12.2f}" if head in ("Aux-VAE", "authors'") else ""
    print(f"{head:<12}{cells}{rest}")

# %%
moved = movement(aux)
check("simulator, D", alone, 0.948, tol=0.02)
check("Aux-VAE, D of guided latents", separate[aux].mean(), 0.92, tol=0.005)
check("beta-VAE, D of all latents", mean(beta, "move_d"), 0.30, tol=0.01)
check("Aux-VAE, psf moves the core by", moved[:, 4, 4].mean(), 0.06, tol=0.005)
check("simulator, psf moves the core by", simulator.matrix[4, 4], 0.085, tol=0.02)
check("Aux-VAE, one free latent moves flux by", moved[:, 5:, 0].max(), 65.6, tol=0.1)
usual = np.median(moved[:, 5:, 0].max(1))
check("Aux-VAE, the same in the median seed", usual, 0.81, tol=0.01)
idle = movement(last)[:, 5:].max()
check("authors' variant, free latents, at most", idle, 0.0, tol=0.01)
for variant in ("supervised", last):
    assert results.interval(separate[aux] - separate[variant]).low > 0

# %% [markdown]
# *T1 holds for the guided latents.* Each moves one property, nearly as cleanly as the simulator: most of what stands
# off the diagonal stands off the simulator's, too. They do so better than the regression's, or the authors', by an
# interval that excludes 0. But there are four such latents, not five: moving the blur moves nothing by a tenth of its
# spread, in the simulator neither. "Changes the blur alone" is true, and one can hardly see it.
#
# *It does not hold for all of $z$.* The last column is the most that a free latent of any seed moves flux, in units
# of its spread over galaxies. In one seed a free latent, moved alone, leaves everything that the decoder has ever
# seen, and flux runs away (in the median seed it moves by 0.8). It outweighs all else in the sum behind $D$, and so
# this seed has the *best* $D$ of all rows, 0.9998. For the Aux-VAE that column is not to be trusted, and rows of its
# own are a kind reading.
#
# *The authors' free latents move nothing*: their decoder ignores them, as in posterior collapse (chapter 6).
# Neighbours read the factors from what little they still vary, all the same (above). A code can know what its decoder
# ignores.
#
# *The $\beta$-VAE mixes*, even matched in its favour.
#
# ## A1: do SAP and LDS rank alike?
#
# Count pairs of methods. A pair is *concordant* if both scores put the same one first, *discordant* if not. Kendall's
#
# $$
# \tau = \frac{\text{concordant} - \text{discordant}}{\text{pairs}} \tag{8.4}
# $$
#
# is 1 if two scores rank alike, 0 if they have nothing to do with each other, $-1$ if one is the other's reverse. Six
# methods make 15 pairs only, and three of the six sit on the floor, where chance orders them. So count also the eight
# variants of the next section, which lie all along the scale, and all variants of this chapter. (D and C are DCI's
# here, of codes. From now on LDS is the normalised one.)

# %%
others = {"sap_r2": "SAP", "mig": "MIG", "dci_d": "D", "dci_c": "C"}
print(results.summary(every, others, methods))


def agreement(variants, score):
    """Kendall's tau of a score and LDS: of means; lowest and highest of single seeds."""
    first = np.array([by_seed(variant, linear) for variant in variants])
    second = np.array([by_seed(variant, score) for variant in variants])
    pairs = zip([first.mean(1), *first.T], [second.mean(1), *second.T], strict=True)
    whole, *single = [stats.kendalltau(*pair).statistic for pair in pairs]
    return whole, min(single), max(single)


# %%
sets = {"methods": list(methods), "factorial": list(results.by_variant(factorial))}
sets["all"] = list(results.by_variant(every))
heads = "".join(f"{len(variants):>8} {name:<11}" for name, variants in sets.items())
print(f"{'tau':<4}{heads}   (single seeds)")
taus = {}
for score in others:
    taus[score] = row = {name: agreement(some, score) for name, some in sets.items()}
    cells = [f"{tau:.2f} ({low:.2f}..{high:.2f})" for tau, low, high in row.values()]
    print(f"{others[score]:<4}" + "".join(f"{cell:>20}" for cell in cells))

# %% mystnb={"image": {"alt": "Two scatter plots against normalised LDS, one point for each run. SAP rises with LDS along a band, steeply at first. D of DCI rises, but runs with prior variance 1 and both penalties lie far right at D 0.73, and runs with 1/n and no lambda_2 lie left of them at D 0.97."}}
figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.6), layout="constrained")
sources = {"methods, all settings": ours, "authors' variant": theirs}
sources["factorial"] = factorial
shades = colours[0], colours[5], colours[4]
for axis, (score, label) in zip(axes, [("sap_r2", "SAP"), ("dci_d", "D")], strict=True):
    for source, c, marker in zip(sources, shades, "os^", strict=True):
        scores = [run["scores"] for run in sources[source]["runs"]]
        points = [[one[name] for one in scores] for name in (linear, score)]
        axis.scatter(*points, 16, color=c, marker=marker, alpha=0.7, label=source)
    axis.set(xlabel="normalised LDS (no unit)", ylabel=f"{label} (no unit)")
axes[1].legend(fontsize=7)
plt.show()

# %%
strong = "variance 1, lambda_1 0.5, lambda_2 0.4"
split = "variance 1/n, lambda_1 0, lambda_2 0"
assert surely(strong, split, "lds_normalised") and surely(strong, split, "sap_r2")
assert surely(split, strong, "dci_d") and surely(split, strong, "mig")
check("tau of SAP, factorial", taus["sap_r2"]["factorial"][0], 0.93, tol=0.01)
check("tau of D, factorial", taus["dci_d"]["factorial"][0], 0.71, tol=0.01)
check("psf with variance 1", mean(strong, "best_psf"), 0.02, tol=0.01)
check("psf with 1/n", mean(split, "best_psf"), 0.84, tol=0.01)

# %% [markdown]
# (Averaging over seeds takes noise out, so the $\tau$ of means can lie above that of every seed. The ledger has
# Spearman's correlation of ten variants, 0.94.)
#
# *A1 holds*: SAP ranks nearly as LDS does, in the means and in single seeds; in the factorial a single pair of 28 is
# turned round. That is less of a second opinion than it seems, since both are made of the same correlations.
#
# *The others agree less in the factorial, and there it matters.* Take variance 1 with both penalties, and $1/n$ with
# none. By LDS and SAP the first is better: it has few copies. By D and MIG the second is: it knows `psf` (correlation
# 0.84, against 0.02), which the first has not learned in this training. Neither ranking is wrong. They ask
# different things, as
# chapter 7 has it.
#
# ## Which term does the work?
#
# Three choices, each on or off, make eight variants: the prior's variance $1/n$ or 1, $\lambda_1$ 0.5 or 0,
# $\lambda_2$ 0.4 or 0. All eight, five seeds each:

# %%
short = {name: name[9:].replace("lambda_", "l") for name in sets["factorial"]}
columns = {linear: "LDS", "sap_r2": "SAP", "dci_d": "D", "best_psf": "psf"}
print(results.summary(every, columns, short, 2))

# %% [markdown]
# Code "on" as $s = +1$ and "off" as $s = -1$. The *main effect* of a choice $a$ is the mean of the four variants with
# it minus the mean of the four without. An *interaction* is half the amount by which the effect of $a$ is larger with
# $b$ on than with $b$ off. Both are sums over the eight corners, for each seed:
#
# $$
# E_a = \tfrac14 \sum_{\text{corners}} s_a\, y, \qquad E_{ab} = \tfrac14 \sum_{\text{corners}} s_a s_b\, y,
# \qquad E_{abc} = \tfrac14 \sum_{\text{corners}} s_a s_b s_c\, y. \tag{8.5}
# $$
#
# By hand: a score that rises by 0.4 only where $a$ and $c$ are both on has $E_a = E_c = E_{ac} = 0.2$, and nothing
# else.


# %%
def effects(y):
    """Eq. 8.5 of scores (2, 2, 2, m), off before on, by the choices' places."""
    found = {}
    for size in (1, 2, 3):
        for places in combinations(range(3), size):
            s = np.ones((2, 2, 2))
            for place in places:
                s = s * np.moveaxis(np.array([-1, 1])[:, None, None], 0, place)
            found[places] = np.tensordot(s, y, 3) / 4
    return found


by_hand = np.zeros((2, 2, 2, 1))
by_hand[1, :, 1] = 0.4
for places, value in effects(by_hand).items():
    expected = 0.2 if places in ((0,), (2,), (0, 2)) else 0
    check(f"effect of {places}", value[0], expected, tol=1e-9)

# %%
corners = list(short)  # in the order of the file, off before on
choices = "1/n", "l1", "l2"
scores = {linear: "LDS", "sap_r2": "SAP", "mig": "MIG", "dci_d": "D"}
cube = {
    score: np.array([by_seed(name, score) for name in corners]).reshape(2, 2, 2, -1)
    for score in scores
}
table = {score: effects(y) for score, y in cube.items()}
print(f"{'':<14}" + "".join(f"{name:>13}" for name in scores.values()))
for places in table["mig"]:
    found = [results.interval(table[score][places]) for score in scores]
    cells = "".join(f"{f.mean:+7.2f} ±{f.high - f.mean:.2f}" for f in found)
    print(f"{' x '.join(choices[place] for place in places):<14}{cells}")

# %% mystnb={"image": {"alt": "Four panels, score against lambda_2 off and on, four lines. With variance 1/n LDS jumps from 0.4 to 0.95 while MIG rises a little and D stays near 0.97; lambda_1 makes no difference there. With variance 1 all scores are low unless lambda_1 is on, and D does not rise with lambda_2."}}
figure, axes = plt.subplots(1, 4, figsize=(8.4, 3.2), sharey=True, layout="constrained")
for axis, (score, label) in zip(axes, scores.items(), strict=True):
    for place, c in enumerate(("#E69F00", "#D55E00", "#56B4E9", "#0072B2")):
        y = cube[score][place // 2, place % 2]  # lambda_2 off and on, by seed
        name = f"variance {('1', '1/n')[place // 2]}, lambda_1 {0.5 * (place % 2):g}"
        axis.plot([0, 1], y.mean(1), ("--", "-")[place % 2], color=c, label=name)
        axis.plot([0, 1], y, ".", color=c, markersize=4)
    axis.set(title=label, xlabel=r"$\lambda_2$", xticks=[0, 1])
    axis.set_xticklabels([0, 0.4])
axes[0].set_ylabel("score (no unit)")
lines = axes[0].get_legend_handles_labels()
figure.legend(*lines, loc="outside upper center", ncols=2, fontsize=8)
plt.show()

# %%
def sizes(score):
    """Mean effects with their intervals."""
    return {places: results.interval(found) for places, found in table[score].items()}


for score in scores:
    found = sizes(score)
    assert found[0,].low > 0 and found[1,].low > 0 and found[0, 1].high < 0
    assert not surely(corners[7], corners[5], score)  # lambda_1, at 1/n with lambda_2
check("lambda_2, effect on LDS", sizes(linear)[2,].mean, 0.44, tol=0.01)
check("lambda_2, effect on D", sizes("dci_d")[2,].mean, 0.02, tol=0.01)
check("1/n, effect on D", sizes("dci_d")[0,].mean, 0.47, tol=0.01)
assert sizes("dci_d")[2,].low < 0 < sizes("dci_d")[2,].high
gain = results.paired(factorial, corners[5], corners[4], "dci_d")
check("at 1/n, lambda_2's effect on D", gain.mean, 0.013, tol=0.002)

# %% [markdown]
# *The prior, $1/n$, works by every score*, and within this training it alone brings `psf`. (The authors' variant, whose
# variance is 1, finds it after 120 epochs and more.)
#
# *$\lambda_1$ stands in for the tight prior, in part.* Its effect comes with a negative interaction of the same size:
# at variance 1 it helps, at $1/n$ it adds nothing by any of the four scores. It does not bring `psf`.
#
# *$\lambda_2$ makes the LDS.* Its effect on LDS has the largest mean (0.44, against 0.37 for $1/n$; five seeds do
# not tell the two apart), half of that on SAP, a small one on MIG, and on D none that five seeds can show on average;
# at $1/n$ alone it is 0.013, small but clear of 0. It shrinks what stands in LDS's denominator. It
# does take copies out of the free latents, which is worth having; but LDS after $\lambda_2$ is partly a promise kept
# to itself.
#
# ## The verdict on galaxies

# %%
def quote(claim, paper, variant, score, digits=3):
    """A claim, the paper's figure, and our mean and standard deviation over seeds."""
    values = by_seed(variant, score)
    here = f"{values.mean():.{digits}f} ±{values.std(ddof=1):.{digits}f}"
    print(f"{claim:<36}{paper:<7}{here}")


def less(claim, score):
    """The Aux-VAE less the IDVAE, with its interval."""
    f = results.paired(every, aux, idvae, score)
    print(f"{claim:<36}{'> 0':<7}{f.mean:+.4f}, {f.low:+.4f} to {f.high:+.4f}")


# %%
print(f"{'claim':<36}{'paper':<7}here")
quote("G1 SSIM, Aux-VAE, set's range", 0.96, aux, "ssim_global", 4)
quote("G2 LDS, Aux-VAE, by their script", 0.94, aux, "lds_authors")
quote("G2 the same, authors' variant", 0.94, last, "lds_authors")
quote("G3 SSIM, beta-VAE, set's range", 0.89, beta, "ssim_global", 4)
quote("G3 LDS, beta-VAE, by their script", 0.48, beta, "lds_authors")
less("G4 SSIM, less the IDVAE's", "ssim_image")
less("G4 LDS norm., less the IDVAE's", linear)
print(f"T1 D of guided latents              1      {separate[aux].mean():.2f}, ", end="")
print(f"simulator {alone:.2f}")
print(f"A1 tau of SAP and LDS, all variants 1      {taus['sap_r2']['all'][0]:.2f}")

# %% [markdown]
# - **G1 holds**; the convention makes it easy.
# - **G2 holds in size**: about 0.9, where perfection is expected at 0.93. It rests on $\lambda_2$ and on distant rows.
# - **G3 does not hold as a number.** Our $\beta$-VAE draws far better than 0.89 and is disentangled far less than 0.48.
# - **G4 holds by half**: LDS yes, pictures no.
# - **T1 holds for the guided latents**, as far as the simulator allows; the free ones are not idle.
# - **A1 holds**; scores that are not made of correlations agree less where terms are compared.
# - **What the paper does not ask**: a regression with the same labels has all of the alignment. The Aux-VAE's own
#   part is better pictures, and the room for what no label tells.
#
# All claims, with their evidence in one place: [the ledger](13_ledger.ipynb).
#
# ## Break it on purpose
#
# *Score an IDVAE with the label shown.* Its published encoder is $q(z \mid x, u)$: it holds the answer in its hand.
# The package carries one with the setting chosen above (one seed). Read the factors from its code without and with
# the label. By chapter 6 no estimate from a picture reaches more than $|\rho| = 0.89$ for `psf`, that is $R^2 =
# 0.79$.

# %%
double = pretrained.load("galaxies-idvae")
fresh = FactorDataset(*galaxies.simulate(rows, seed=2_000_000 + seed))
order = np.random.default_rng(seed).permutation(len(fresh))
wrong = fresh.factors[order]  # each galaxy gets another's label
readings = {
    "label hidden": (double.encode(fresh.images), fresh.factors),
    "label shown": (double.encode_with(fresh.images, fresh.factors), fresh.factors),
    "wrong label shown": (double.encode_with(fresh.images, wrong), wrong),
}

# %% tags=["nbval-ignore-output"]
heads = "".join(f"{name:>8}" for name in galaxies.NAMES)
print(f"{'R^2 of a line':<20}{heads}   LDS norm.")
leak, aligned = {}, {}
for name, (posterior, label) in readings.items():
    z, part = posterior.mu.numpy(), len(label) // 2
    leak[name] = sensitivity.readout(z[:part], label[:part], z[part:], label[part:])
    aligned[name] = metrics.lds(z, label).normalised
    cells = "".join(f"{value:8.2f}" for value in leak[name])
    print(f"{name:<20}{cells}{aligned[name]:12.2f}")

# %%
psf = galaxies.NAMES.index("psf")
check("psf, label hidden", leak["label hidden"][psf], 0.0, tol=0.1)
assert leak["label shown"][psf] > 0.79  # more than the photons can tell
check("psf of the wrong label", leak["wrong label shown"][psf], 0.9, tol=0.05)
gained = aligned["label shown"] - aligned["label hidden"]
check("normalised LDS gained by showing the label", gained, 0.16, tol=0.08)

# %% [markdown]
# With the label shown, `psf` is known better than the estimated photon limit. And given *another* galaxy's label, the
# code tells that label's `psf`, whatever the picture: it was never seen, it was told. The LDS rises with it. (It is
# highest for the wrong label, which it is scored against: a likely reason is that what follows the picture no longer correlates
# with that label, and so does not count as a copy.) So a score of $q(z \mid x, u)$ measures, in part, how much of its
# input an encoder hands on.
#
# ## What this does not tell you
#
# - *Whether the baselines could do better.* Network, epochs and learning rate were chosen with the Aux-VAE in mind
#   (chapter 6 counts the runs); three settings each, since then, is an equal budget from there on only.
# - *Whether the published IDVAE is as ours.* Hiding labels half of the time is our way to score it without them, and
#   its networks are ours.
# - *The authors' variant at 1,000 epochs*, or their numbers. Where ours differ from the paper's we do not know its data
#   split, its seeds or its $\beta$-VAE's settings.
# - *What is small.* Rounding alone moves LDS by some hundredths ([chapter 6](06_training.ipynb)). The runs come from
#   two machines, one of them with a GPU (each file names its own), so a difference of two methods can hold one of
#   rounding, too.
# - *Many comparisons.* Of twenty intervals of 95 %, one is expected to miss. Read the patterns, not one interval.
# - *Labels with errors, fewer labels, real galaxies*: [chapter 9](09_sensitivity.ipynb) and
#   [chapter 10](10_hyperparameters.ipynb) take some of it up.
#
# ## Exercises
#
# ### Exercise 8.1 (pen, 5 minutes)
#
# Two methods' LDS differ by $s_D = 0.04$ from seed to seed. How far does (8.2) reach on either side with $m = 5$ seeds,
# and with 20 ($t_{19,\,0.975} = 2.093$)? Could five seeds show a difference of 0.03?


# %% tags=["solution"]
def reach(spread, seeds):
    """Half the width of the 95 % interval of the mean of `seeds` differences."""
    return stats.t.ppf(0.975, seeds - 1) * spread / seeds**0.5


# %%
check("five seeds", reach(0.04, 5), 0.0497, tol=1e-4)
check("twenty seeds", reach(0.04, 20), 0.0187, tol=1e-4)

# %% [markdown]
# <details><summary>Why</summary>
#
# $2.776 \cdot 0.04/\sqrt5 = 0.050$: no, 0.03 is inside. That is the case of Aux-VAE and regression in this chapter's
# LDS. Four times the seeds reach 0.019, less than half of it: $\sqrt{m}$ doubles, and $t$ shrinks, too.
#
# </details>
#
# ### Exercise 8.2 (code, 10 minutes)
#
# Write Kendall's $\tau$ (8.4) yourself, for two lists of scores without ties.


# %% tags=["solution"]
def kendall(first, second):
    """Concordant minus discordant pairs, over all pairs; lists of equal length."""
    signs = [
        np.sign((first[i] - first[j]) * (second[i] - second[j]))
        for i, j in combinations(range(len(first)), 2)
    ]
    return float(np.mean(signs))


# %%
turned = kendall([1, 2, 3, 4], [1, 2, 4, 3])
check("one pair of six turned round", turned, 2 / 3, tol=1e-9)
both = [[mean(name, score) for name in corners] for score in (linear, "sap_r2")]
check("SAP and LDS, factorial", kendall(*both), taus["sap_r2"]["factorial"][0], tol=1e-9)

# %% [markdown]
# <details><summary>Why</summary>
#
# The product of two differences is positive if both scores order the pair alike. Six pairs, five of them concordant:
# $(5 - 1)/6 = 2/3$. In the factorial 28 pairs are compared, and $\tau = 0.93$ means that a single one is turned round.
#
# </details>
#
# ### Exercise 8.3 (think, 10 minutes)
#
# A paper reports that its guided model has LDS 0.96 where a VAE has 0.00 (both normalised), and credits the guidance.
# Which share of that gain would a control have that uses the same labels in the plainest way? Compute it for both
# controls of this chapter. What would you write instead?


# %% tags=["solution"]
def bought_by_labels(control, guided, unguided):
    """Share of the guided model's gain that a control with labels has, too."""
    return (control - unguided) / (guided - unguided)


# %%
gain = mean(aux, "lds_normalised"), mean("vae", "lds_normalised")
line = bought_by_labels(mean("vae", "lds_readout_normalised"), *gain)
plain = bought_by_labels(mean("supervised", "lds_normalised"), *gain)
check("VAE with a line", line, 0.80, tol=0.02)
check("regression", plain, 1.03, tol=0.02)

# %% [markdown]
# <details><summary>Why</summary>
#
# Four fifths by a line afterwards, all of it by a regression. An honest sentence: "With the same labels, five seeds
# cannot tell the guided model's LDS from a regression's; of ranks it is lower; it draws better". The comparison with
# an unguided VAE shows only that labels carry information.
#
# </details>
#
# ## Quiz
#
# **1.** On which rows was the setting of each method chosen, and why not on those that are quoted?
#
# <details><summary>Answer</summary>
#
# On validation rows. The best of three noisy numbers is too good on the rows that chose it, and more so for a method
# with more settings.
#
# </details>
#
# **2.** The Aux-VAE's normalised LDS is 0.96, of ranks 0.71. Which galaxies make the difference?
#
# <details><summary>Answer</summary>
#
# A few whose free latents lie far from the rest. They cancel the correlation that the others have; ranks do not let
# them.
#
# </details>
#
# **3.** $\lambda_2$ raises LDS by 0.44 and D by 0.02 ± 0.04. Is the code better with it?
#
# <details><summary>Answer</summary>
#
# It has fewer copies of the factors in its free latents, as far as straight lines see. Whether each latent serves one
# factor, which D asks, it was good at before. "Better" depends on whether copies hurt.
#
# </details>
#
# ## Take-aways
#
# - A fair comparison: same galaxies, same number of settings, validation rows choose, test rows are quoted.
# - Five seeds, paired, reach 1.24 standard deviations of the difference to either side: say what they cannot show.
# - Compare a guided model with a regression on the same labels before you credit the guidance.
# - Decode and measure: guided latents move one property each, about as cleanly as the simulator; free ones are not
#   idle.
# - $1/n$ aligns by every score; $\lambda_1$ makes up for some of it where it is missing, but not for `psf`;
#   $\lambda_2$ raises LDS by nearly half of its scale, and D hardly.
#
# ## Further reading
#
# - [Mita et al. 2021](https://arxiv.org/abs/2010.09360) for the IDVAE, [Higgins et al.
#   2017](https://openreview.net/forum?id=Sy2fzU9gl) for $\beta$.
# - [Locatello et al. 2019](https://arxiv.org/abs/1811.12359): seeds and settings matter more than methods.
# - [Bouthillier et al. 2021](https://arxiv.org/abs/2103.03098): what varies between runs, and how to compare.
# - [Bernstein & Jarvis 2002](https://arxiv.org/abs/astro-ph/0107431) for adaptive moments of galaxies.
#
# <details class="instructor"><summary>For the teacher</summary>
#
# *Wrong answers to expect.* That the guided model must draw best, since it knows more; that "significant" means large;
# that LDS 0.25 is a quarter of something. *Where to pause.* Before the table of LDS: ask what a regression would score.
# Before the figure of the factorial: let each row of the class predict one panel. *What to cut.* With 45 minutes, keep
# the two tables of SSIM and LDS, the figure of movements and the factorial; the authors' epochs and A1 make good
# homework.
#
# </details>
