# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # dSprites: what a picture cannot tell
#
# [![Open this chapter in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_GITHUB_OWNER/auxvae-lite/blob/main/book/11_dsprites.ipynb)
# [![Launch this chapter on Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/YOUR_GITHUB_OWNER/auxvae-lite/main?urlpath=lab/tree/book/11_dsprites.ipynb)
#
# [Module `simulators.dsprites`](api.md#dsprites) · Section 4 of [arXiv 2507.00298](https://arxiv.org/abs/2507.00298)
#
# White squares, ellipses and hearts on black: five factors, all of them known exactly, and one of them that the picture
# does not show. We see what that does to the model and, more surprisingly, to its scores.
#
# **After this chapter you can**
#
# - work out how much of an angle a picture can tell, and give a model the part that it can;
# - use the Bernoulli likelihood for pixels that are 0 or 1, and say where it breaks;
# - say what SSIM measures on pictures that are mostly black;
# - spot a weak latent that LDS does not see, and a class that a correlation misreads;
# - say what becomes of the paper's claim about dSprites.
#
# **You need** the loss of [chapter 6](06_training.ipynb), and SSIM and LDS of [chapter 7](07_metrics.ipynb).
# **Helpful**: [chapter 8](08_galaxies.ipynb) for the baselines. **Time**: 40 minutes of reading; the code runs for
# about 30 seconds on one core.

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
size = 1500  # sprites of the model that is trained here
epochs = 10
n = 600  # sprites on which the pretrained models are tried
draws = 20000  # rows of the Monte-Carlo checks
seed = 0

# %% [markdown]
# ## Predict first
#
# We tell a model all five factors of dSprites: shape, scale, orientation and the two positions. On new sprites its LDS
# is 0.89, where a perfect code's would be 0.905.
#
# *How well does the latent of the orientation follow the orientation: with a correlation of 0.99, 0.9 or 0.4? And what
# SSIM does an entirely black picture have?*
#
# <details><summary>One answer</summary>
#
# 0.40, and LDS hardly minds, because it divides each factor's correlations by their own sum. The black picture has
# 0.88: most of every sprite's picture *is* black. A claim of "SSIM above 0.9" asks for 15 per cent of the way from
# there to 1.
#
# </details>

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import torch

from auxvae_lite import factors, metrics, training
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.pages import pretrained
from auxvae_lite.pages.teaching import check, show_source
from auxvae_lite.simulators import dsprites
from auxvae_lite.study import results, sets
from auxvae_lite.training import Config

sprites, hearts = results.load("dsprites"), results.load("dsprites-hearts")
groups = sets.SETS["dsprites"].groups  # ways to tell a model the factors
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"

# %% [markdown]
# ## The set, pixel by pixel
#
# dSprites has a picture for each combination of five factors, 3 · 6 · 40 · 32 · 32 = 737,280 in all:
#
# | factor | values | unit |
# |---|---|---|
# | `shape` | 0 square, 1 ellipse, 2 heart | class |
# | `scale` | 6, from 0.5 to 1 | none |
# | `orientation` | 40, from 0 to $2\pi$, *both ends included* | rad |
# | `posX`, `posY` | 32 each, from 0 to 1 | none |
#
# Nobody has to download them. A sprite is an outline, scaled by $a$, turned by $t$ and moved. The pixel with its centre
# at $(\Delta x, \Delta y)$ from the sprite's, $y$ down, belongs to this point of the outline's own frame:
#
# $$
# u = \frac{\cos t\,\Delta x - \sin t\,\Delta y}{a}, \qquad v = \frac{\sin t\,\Delta x + \cos t\,\Delta y}{a}. \tag{11.1}
# $$
#
# The pixel is white if $(u, v)$ lies inside, and black if not; nothing is smoothed. The square is $\max(|u|, |v|) <
# 9.598$ pixels; the ellipse is a polygon of 72 corners with semi-axes 12.775 and 7.22; the heart has 150 corners.
# Polygons are drawn the other way round: the inverse of (11.1) takes each corner $(u, v)$ to the frame,
#
# $$
# x = 16 + 32\,\mathrm{posX} + a\,(\cos t\,u + \sin t\,v), \qquad
# y = 16 + 32\,\mathrm{posY} + a\,(\cos t\,v - \sin t\,u), \tag{11.2}
# $$

# %%
show_source(dsprites._corners)

# %% [markdown]
# and what lies inside is filled. This set is *re-rendered dSprites*. A test of the package compares it with 258
# frames of the original whose checksums we know, bit for bit, and all agree; the other 737,022 follow the same rule,
# and we have not seen them. `dsprites.Sprites()` is the whole set, in the official order, each picture drawn when it
# is asked for. If you have the official file, `official.dsprites(path)`
# of the package checks it and takes its place, pixel by pixel its own.
#
# Look at the largest sprites in the middle, turned. An orange frame marks a picture that equals the first of its row
# in every pixel:

# %% mystnb={"image": {"alt": "Square, ellipse and heart, a row each, turned by 0, 45, 90, 180 and 360 degrees. Frames mark pictures equal to the first: for the square those at 90, 180 and 360 degrees, for the ellipse those at 180 and 360, for the heart the one at 360 alone."}}
degrees = 0, 45, 90, 180, 360
rows = [[shape, 1, math.radians(t), 0.5, 0.5] for shape in range(3) for t in degrees]
pictures = dsprites.render(rows).reshape(3, 5, 64, 64)
same = (pictures == pictures[:, :1]).all((2, 3))
figure, axes = plt.subplots(3, 5, figsize=(6, 3.9), layout="constrained")
for place, axis in np.ndenumerate(axes):
    axis.imshow(pictures[place], cmap="gray")
    axis.set(xticks=[], yticks=[])
    plt.setp(axis.spines.values(), color=ORANGE, linewidth=3 if same[place] else 0)
for axis, t in zip(axes[0], degrees, strict=True):
    axis.set_title(f"{t} degrees", fontsize=9)
for axis, name in zip(axes[:, 0], dsprites.SHAPES, strict=True):
    axis.set_ylabel(name, fontsize=9)
plt.show()

# %% [markdown]
# *Notice* how many frames each row has. A square cannot be told from itself a quarter turn on, an ellipse from itself
# half a turn on, and 0 is the same as 360 degrees for everything. The last is in the set's own list of values:
# orientations 0 and 39.

# %%
whole, rng = dsprites.Sprites(), np.random.default_rng(seed)
turn = 32 * 32  # rows from one orientation to the next
first = rng.integers(18, size=300) * 40 * turn + rng.integers(turn, size=300)
assert (whole[first] == whole[first + 39 * turn]).all()
square = 5 * 40 * turn + 500  # the largest square, somewhere
different = len(np.unique(whole[square : square + 40 * turn : turn], axis=0))
check("sprites in all", len(whole), 737280, tol=0)
check("different pictures of this square in 40 orientations", different, 38, tol=0)

# %% [markdown]
# ## What can be known of an angle
#
# Let the shape look the same after a turn by $2\pi/s$: $s = 4, 2, 1$ for square, ellipse and heart. Then the picture
# depends on the orientation $t$ only through $s\,t$, up to whole turns. A number that says exactly that, and has no
# jump at a whole turn, is a point on a circle, so we give the model two columns instead of $t$:
#
# $$
# \cos(s\,t), \quad \sin(s\,t), \qquad s = 4,\ 2,\ 1. \tag{11.3}
# $$

# %%
show_source(dsprites.orientation_codes)

# %% [markdown]
# How much of $t$ itself is left? Let $t$ be uniform on $[0, 2\pi)$ and let a reader see $\varphi = s\,t$ up to whole
# turns. Then $t$ is one of the $s$ values $(\varphi + 2\pi k)/s$, $k = 0, \dots, s - 1$, all equally likely, and the
# best answer is their mean:
#
# $$
# \mathbb E[t \mid \text{picture}] = \frac{\varphi}{s} + \frac{\pi (s - 1)}{s} = \pi + \frac{\varphi - \pi}{s}. \tag{11.4}
# $$
#
# $\varphi$ is uniform on $[0, 2\pi)$ as $t$ is, so this answer's variance is $\operatorname{Var}(t)/s^2$ for each
# shape, about the same mean $\pi$. Averaged over the three shapes, the share of the variance of $t$ that anybody can
# know, and the correlation of the best answer with $t$, are
#
# $$
# R^2_{\max} = \tfrac13 \Bigl(1 + \tfrac14 + \tfrac1{16}\Bigr) = \tfrac7{16}, \qquad
# \rho_{\max} = \sqrt{7/16} = 0.661. \tag{11.5}
# $$
#
# A *line* in the two codes knows less. $\cos(s\,t)$ is uncorrelated with $t$. For the sine, $\tfrac1{2\pi}
# \int_0^{2\pi} t \sin(s\,t)\, dt = -1/s$; with variances $\pi^2/3$ and $1/2$, and the mean over the shapes,
#
# $$
# \rho\bigl(t, \sin(s\,t)\bigr) = -\frac13 \Bigl(1 + \tfrac12 + \tfrac14\Bigr) \frac{\sqrt 6}{\pi} = -\frac7{12} \cdot
# \frac{\sqrt 6}\pi = -0.455. \tag{11.6}
# $$
#
# On the set's grid, where the ends count twice, it is $-0.434$. *So a code that holds all there is to see of the
# orientation correlates with the orientation by 0.43.* Even for a heart, whose angle is plain to see, the line gets
# 0.78 and not 1: near 0 and near $2\pi$ the pictures are neighbours and the numbers are not.
#
# (A pedant's way out: 39 is odd, so no two of the 39 orientations on the grid share $s\,t$ exactly, and whoever can
# tell squares 2.3 degrees apart could look $t$ up in a table. The count above, 38 different pictures, says that the
# pixels would nearly allow it. (11.5) holds between the grid's points, and for readers without such a table.)
#
# ## Pixels that are 0 or 1
#
# A pixel that is white or black has a Bernoulli distribution. The decoder gives a logit $\ell$ for each pixel, and
#
# $$
# p(x \mid z) = \prod_{\text{pixels}} p^x (1 - p)^{1 - x}, \qquad p = \frac1{1 + e^{-\ell}}. \tag{11.7}
# $$
#
# Minus its logarithm takes the place of the sum of squares in the loss. With $\log p = \ell - \log(1 + e^\ell)$ and
# $\log(1 - p) = -\log(1 + e^\ell)$,
#
# $$
# R = \sum_{\text{pixels}} \bigl[\log(1 + e^{\ell}) - x\,\ell\,\bigr], \qquad \frac{\partial R}{\partial \ell} = p - x. \tag{11.8}
# $$
#
# For $x$ in $[0, 1]$ the slope has its zero at $p = x$, and a wrong pixel pulls with at most 1, however sure the
# decoder was.

# %%
show_source(training.reconstruction)

# %% [markdown]
# One number of this sum is worth keeping: a linear output has to *hit* 0, but $p$ is below 0.01 for every logit below
# $-4.6$. A Bernoulli decoder makes black by being sure.
#
# ## SSIM of pictures that are mostly black
#
# SSIM (chapter 7) is the mean over windows of 7x7 pixels. Take a window in which the true picture is black. Its mean,
# its variance and the covariance are 0, and with an answer of mean $\bar y$ and variance $\sigma_y^2$ in this window,
#
# $$
# \mathrm{SSIM}_\text{window} = \frac{c_1}{\bar y^2 + c_1} \cdot \frac{c_2}{\sigma_y^2 + c_2}, \qquad
# c_1 = 0.01^2,\quad c_2 = 0.03^2. \tag{11.9}
# $$
#
# *An even grey of 0.01, a hundredth of white, halves it.* Where the true picture is not black and the answer is, the
# same product stands with the roles exchanged, and is next to nothing. So the SSIM of an all-black answer is,
# nearly, the share of windows without a white pixel. (Every sprite has black and white, so here SSIM in the range of
# the image and of the set are one number.)
#
# ## A class is no number
#
# The shape is 0, 1 or 2, and could as well be 1, 0, 2. A correlation takes the numbers at their word. The usual way
# out, a column of zeros and ones for each of $K$ equally frequent classes, has its own catch. Two such columns have
# $\operatorname{Cov} = -1/K^2$, since they are never 1 together, and variance $(1/K)(1 - 1/K)$:
#
# $$
# \rho(\text{column } a, \text{column } b) = -\frac{1}{K - 1}, \quad a \neq b. \tag{11.10}
# $$
#
# Let a code hold exactly these columns. LDS divides the largest correlation with column $a$, which is 1, by the sum
# over all latents:
#
# $$
# \mathrm{LDS}_a = \frac{1}{1 + (K - 1) \cdot \frac1{K - 1}} = \frac12, \quad \text{whatever } K. \tag{11.11}
# $$
#
# The perfect code loses half, because its columns know of each other.
#
# ## What LDS makes of a weak latent
#
# Now a factor that one latent follows with correlation $\rho$, and the other $d - 1$ only by chance, $e(n)$ each on
# $n$ rows (chapter 7, where $\rho$ was 1):
#
# $$
# \mathrm{LDS}_k \approx \frac{\rho}{\rho + (d - 1)\,e(n)}, \qquad e(n) \approx \sqrt{2/(\pi n)}. \tag{11.12}
# $$
#
# *With more rows this goes to 1 for every $\rho$ above 0.* LDS asks whether a factor is held in one place. How firmly,
# it does not ask.
#
# | symbol | name | unit | shape |
# |---|---|---|---|
# | $t$, $a$ | `orientation`, `scale` | rad, none | numbers |
# | $u$, $v$ | columns of `OUTLINES` (here no factors) | pixels at scale 1 | (m,) |
# | $s$ | `SYMMETRY` | turns that look the same | one per shape |
# | $\ell$, $p$ | `x_hat`, `pixels(x_hat)` | none | (B, C, H, W) |
# | $R$ | `reconstruction` | nats per image | one number |
# | $e(n)$ | `expected_null(n)` | none | one number |

# %% mystnb={"image": {"alt": "LDS of one factor against its correlation with its latent, for 300, 4,915 and 737,280 rows. On 4,915 rows a correlation of 0.4 scores 0.80 and one of 1 scores 0.91; on all rows of the set even 0.1 scores 0.9. The more rows, the closer the curve lies to a step."}}
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
strength = np.linspace(0.001, 1, 500)
styles = ((300, "-", BLUE), (sprites["n"]["test"], "--", ORANGE), (737280, ":", GREEN))
for rows, line, color in styles:
    chance = 9 * metrics.expected_null(rows)
    curve = strength / (strength + chance)
    axis.plot(strength, curve, line, color=color, label=f"{rows:,} rows")
axis.axvline(0.4, color="gray", linewidth=0.8)
axis.set(xlabel="correlation of the latent with its factor", ylim=(0, 1.02))
axis.set_ylabel("its LDS, by (11.12)")
axis.legend()
plt.show()

# %% [markdown]
# *Notice* the orange curve, our test rows, between 0.4 and 1: it has little left to gain.
#
# ## Check it by hand
#
# - *Area.* The square of scale 1 in the middle, unturned: white are the pixels whose centre is less than 9.598 from
#   32, along both axes. Centres lie at 22.5, 23.5, ..., 41.5, which are 20: the picture has 400 white pixels.
# - *Grey.* By (11.9), an even grey of 0.01 gives $\tfrac12$ and 0.02 gives $\tfrac15$.
# - *Order.* Square, ellipse and heart as 0, 1, 2, against 1, 0, 2: less the mean, $(-1, 0, 1)$ and $(0, -1, 1)$. The
#   products add up to 1, the squares to 2, so the correlation is $\tfrac12$.
# - *R.* At $\ell = 0$ every pixel costs $\log 2$, whatever it is: $4096 \log 2 = 2839.1$ nats.

# %%
check("white pixels", dsprites.render([[0, 1, 0, 0.5, 0.5]]).sum(), 400, tol=0)
black, grey = np.zeros((1, 1, 64, 64)), np.full((1, 1, 64, 64), 0.01)
check("grey of 0.01", metrics.ssim(black, grey, data_range=1.0)[0], 1 / 2, tol=1e-9)
check("grey of 0.02", metrics.ssim(black, 2 * grey, data_range=1.0)[0], 1 / 5, tol=1e-9)
check("another order", np.corrcoef([0, 1, 2], [1, 0, 2])[0, 1], 1 / 2, tol=1e-9)
bernoulli = Config.paper(likelihood="bernoulli", image_scaling="minmax")
x = torch.from_numpy(dsprites.render([[2, 1, 0, 0.5, 0.5]])).float()
cost = training.reconstruction(bernoulli, torch.zeros_like(x), x)
check("a heart at logits 0", cost, 4096 * math.log(2), tol=0.01)

# %% [markdown]
# ## Check it by Monte Carlo
#
# Draw shapes and angles, and let a reader answer by (11.4), and a line by the sine. Then a perfect one-hot code, scored
# by the package's own LDS:

# %%
shape, t = rng.integers(3, size=draws), rng.uniform(0, 2 * math.pi, draws)
s = dsprites.SYMMETRY[shape]
phi = (s * t) % (2 * math.pi)
answer = math.pi + (phi - math.pi) / s
error = 4 / math.sqrt(draws)
check("correlation, best", np.corrcoef(t, answer)[0, 1], math.sqrt(7 / 16), tol=error)
line = np.corrcoef(t, np.sin(phi))[0, 1]
check("correlation, sine", line, -7 / 12 * math.sqrt(6) / math.pi, tol=error)
columns = np.eye(3)[shape]
check("two columns", np.corrcoef(columns.T)[0, 1], -1 / 2, tol=error)
score = metrics.lds(columns, columns).value
check("LDS of a perfect one-hot code", score, 1 / 2, tol=error)

grid = whole.factors(slice(0, len(whole), turn))  # every shape, scale and orientation
sine = dsprites.orientation_codes(grid)[:, 1]
check("on the grid, sine", np.corrcoef(grid[:, 2], sine)[0, 1], -0.434, tol=1e-3)

# %% [markdown]
# ## Five lines that train
#
# The five statements that train on galaxies and on cars train here, too. Two words of the configuration say that
# pixels are 0 or 1; the $\lambda$'s are smaller because this $R$ is. With so few sprites and epochs this is a toy,
# for a reason that comes next:

# %%
data = FactorDataset(*dsprites.simulate(size, seed=seed))
train, validation, test = data.split(seed)
config = Config.paper(
    likelihood="bernoulli", image_scaling="minmax", lambda_1=0.03, lambda_2=0.1,
    epochs=epochs, seed=seed,
)  # fmt: skip
model, history = training.fit(config, train)
scores, reference = training.evaluate(model, test)

# %% tags=["nbval-ignore-output"]
print(f"{'|rho| of each latent with its factor':<38}{'train':>7}{'test':>7}")
own = {}
for name, part in (("train", train), ("test", test)):
    z = model.encode(part.images).mu.numpy()
    own[name] = np.abs(metrics.correlations(z[:, :5], part.factors).diagonal())
for name, *pair in zip(data.names, *own.values(), strict=True):
    print(f"{name:<38}{pair[0]:7.2f}{pair[1]:7.2f}")
ssim, dark = scores["ssim_image"], reference["ssim_image"]["black"]
print(f"SSIM {ssim:.2f}, a black picture {dark:.2f}")
print(f"{len(train)} rows to train, {len(test)} to test")

# %%
check("orientation, train", own["train"][2], 0.9, tol=0.1)
check("orientation, test", own["test"][2], 0.1, tol=0.2)
check("posX, test", own["test"][3], 0.98, tol=0.03)

# %% [markdown]
# *The prior of variance $1/n$ insists.* On the training sprites the latent follows the orientation at about 0.9,
# above the 0.66 that any picture can tell: it has learned these sprites by heart. On new sprites there is nothing
# left. With so few rows the shape goes the same way; the positions, which are plain to see, do not. With `size`
# 24,576 and `epochs` 22 the same lines make a run like the evidence's. We go on with those.
#
# ## One trained model, looked at
#
# The package carries a model that was told shape, scale, positions and the codes (11.3), and a $\beta$-VAE ($\beta =
# 4$). Fresh draws from the set; about one in forty was in training. The first six, and what becomes of them:

# %% mystnb={"image": {"alt": "Three rows of six sprites: the picture, the Aux-VAE's answer and the beta-VAE's. Position and size are right in both answers, and so is the direction of an ellipse; edges are blurred, corners round, and squares and small hearts become blobs."}}
aux, beta = pretrained.load("dsprites-auxvae"), pretrained.load("dsprites-betavae")
fresh = sets.sprite_rows(n, seed=3_000_000 + seed)
z = aux.encode(fresh.images).mu
x_hat = aux.decode(z).numpy()
rows = {"picture": fresh.images, "Aux-VAE": x_hat}
rows["beta-VAE"] = beta.decode(beta.encode(fresh.images[:6]).mu).numpy()
figure, axes = plt.subplots(3, 6, figsize=(6.4, 3.3), layout="constrained")
for line, (name, images) in zip(axes, rows.items(), strict=True):
    for axis, image in zip(line, images, strict=False):
        axis.imshow(image[0], cmap="gray", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
    line[0].set_ylabel(name, fontsize=9)
plt.show()

# %% [markdown]
# An SSIM of 0.94 (measured below), and you would hardly call that a heart: keep it in mind for the claim. Now turn
# one latent at a time, from the code of a square in the first row, of a heart in the others. The shape runs from 0 to
# 2; what lies between the classes was never trained. The last row turns the sprite by setting both codes to a point
# on their circle; one code alone would leave it.


# %%
def turned(model, image, angles):
    """The image with its orientation codes set to cos and sin of each angle."""
    codes = model.encode(image[None]).mu.repeat(len(angles), 1)
    columns = [model.factors.index(f"orientation_{name}") for name in ("cos", "sin")]
    u = model.factor_scaling.inverse(codes[:, : len(model.factors)])
    u[:, columns] = torch.tensor(np.stack([np.cos(angles), np.sin(angles)], 1)).to(u)
    codes[:, columns] = model.factor_scaling(u)[:, columns].float()
    return model.decode(codes)


start = dsprites.render([[0, 0.9, 0.5, 0.5, 0.5], [2, 0.9, 0.5, 0.5, 0.5]]).astype("f4")
steps, circle = np.linspace(0, 1, 9), np.linspace(0, 2 * math.pi, 9)

# %% mystnb={"image": {"alt": "Five rows of nine decoded sprites. In the first two a square rounds off, stretches to an ellipse half-way, and shrinks to the blob that stands for a heart. In the third the blob grows, in the fourth it moves to the right, in the last it changes its outline as it turns."}}
rows = {
    "shape": aux.traverse(start[0], "shape", 2 * steps),
    "shape ": aux.traverse(start[1], "shape", 2 * steps),
    "scale": aux.traverse(start[1], "scale", 0.5 + steps / 2),
    "posX": aux.traverse(start[1], "posX", 0.25 + steps / 2),
    "turn": turned(aux, torch.from_numpy(start[1]), circle),
}
figure, axes = plt.subplots(5, 9, figsize=(6.4, 3.8), layout="constrained")
for line, (name, images) in zip(axes, rows.items(), strict=True):
    for axis, image in zip(line, images[:, 0, 12:52, 12:52], strict=True):
        axis.imshow(image, cmap="gray", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
    line[0].set_ylabel(name, fontsize=9)
plt.show()

# %% [markdown]
# *Notice* the middle of the first two rows: the way from a square to a heart leads through an ellipse, because the
# ellipse has the number between theirs. A latent trained on another numbering would have another shape half-way.
# [The explorer](explorer_dsprites.md) has sliders for all of this.
#
# ## The order of the shapes
#
# Same codes, same sprites; only the numbers of the classes are exchanged:

# %% tags=["nbval-ignore-output"]
codes, classes = z.numpy(), fresh.columns(["shape"])[:, 0].astype(int)
found = {}
print(f"{'half-way stands':<17}{'|rho|':>7}{'LDS':>7}{'SAP':>7}{'MIG':>7}")
numbers = {"ellipse": [0, 1, 2], "square": [1, 0, 2], "heart": [0, 2, 1]}
for middle, order in numbers.items():
    u = np.array(order, dtype=float)[classes][:, None]
    rho = np.abs(metrics.correlations(codes, u)).max()
    found[middle] = rho, metrics.lds(codes, u).value, metrics.sap(codes, u)
    found[middle] += (metrics.mig(codes, u),)
    print(f"{middle:<17}" + "".join(f"{value:7.3f}" for value in found[middle]))

# %%
check("ellipse: |rho|", found["ellipse"][0], 0.994, tol=0.01)
check("square: |rho|", found["square"][0], 0.5, tol=0.1)
check("heart: |rho|", found["heart"][0], 0.5, tol=0.1)
check("MIG, largest difference", np.ptp([row[3] for row in found.values()]), 0, tol=1e-9)

# %% [markdown]
# The correlation halves, SAP, nearly its square, falls further, LDS falls least, and nothing has happened to the
# code. MIG asks about classes and sees no order. One-hot columns have none either, but there the perfect code has an
# LDS of $\tfrac12$ for each. What the groups of columns give for a *perfect* code, the columns themselves with noise
# in the other latents, and for a code with the shape as *one number*, scored on the one-hot columns:

# %%
u = whole.factors(rng.choice(len(whole), sprites["n"]["test"], replace=False))
table = np.hstack([u, dsprites.orientation_codes(u), u[:, :1] == np.arange(3)])
names = [*dsprites.NAMES, "orientation_cos", "orientation_sin", *dsprites.SHAPES]
columns = {}
for group, members in groups.items():
    columns[group] = table[:, [names.index(name) for name in members]]
noise = rng.standard_normal((len(u), 10))

# %%
perfect = {}
print(f"{'code':<10} {'columns':<9}{'LDS':>7}{'SAP':>7}{'MIG':>7}")
for code, asked in (*zip(groups, groups, strict=True), ("codes", "onehot")):
    held, wanted = columns[code], columns[asked]
    full = np.hstack([held, noise[:, held.shape[1] :]])
    found = metrics.lds(full, wanted).value, metrics.sap(full, wanted)
    found += (metrics.mig(full, wanted),)
    perfect[code, asked] = found
    print(f"{code:<10} {asked:<9}" + "".join(f"{value:7.3f}" for value in found))

# %%
check("one-hot, LDS", perfect["onehot", "onehot"][0], 0.75, tol=0.03)
assert perfect["codes", "onehot"][0] > perfect["onehot", "onehot"][0] + 0.03
check("codes, MIG", perfect["codes", "codes"][2], 0.74, tol=0.02)

# %% [markdown]
# The 0.75 of the one-hot group is three columns near $\tfrac12$ and five near 0.91.
#
# *A code that holds less scores more.* With the shape in one number, nothing correlates with the column "ellipse",
# the half-way class. Yet this code's LDS of the one-hot columns is above that of the code that holds them all. And a
# "ceiling" that a group's own columns set, 0.75 here, is what a perfect code gets, not the most that any code can
# get. MIG has its own quirk: 0.74 for the codes, since who knows $\cos(s\,t)$ knows $\sin(s\,t)$ but for its sign.
#
# None of this would be needed with a latent that *is* a class, such as a categorical one with a Gumbel-softmax; the
# paper's model has none, and neither has ours. What the package does is not to be fooled by the columns. Give the
# labels as words, and they become one column each; `intra` leaves out pairs of columns of one class, which are tied to
# each other; `evaluate` scores the class by its balanced accuracy, and LDS and SAP leave it out:

# %%
labels = np.array(dsprites.SHAPES)[data.columns(["shape"])[:, 0].astype(int)]
told = {"shape": labels, "scale": data.columns(["scale"])[:, 0]}
words = FactorDataset(data.images, told)
print(words)
hot = factors.expand(torch.from_numpy(words.factors), words.kinds)
print(labels[:3], hot[:3].numpy(), sep="\n")

# %%
check("labels told apart", len(words.classes["shape"]), 3, tol=0)
right = metrics.balanced_accuracy(labels, np.full(len(labels), "heart"))
check("always saying heart: balanced accuracy", right, 1 / 3, tol=1e-9)

# %% [markdown]
# ## Claim D1, three seeds
#
# The paper: with all factors as $u$, dSprites has LDS above 0.8 and SSIM above 0.9, and is better than $\beta$-VAE. The
# evidence has eleven variants, three seeds each. *all* is told the five factors, *four* those without the
# orientation (which is what the authors' code does), *codes* has (11.3) in its place, *onehot* the shape in three
# columns as well. The last five are what these are compared with. (Two
# more come under *Grey*.)

# %%
told = {
    "all": "all",
    "four": "four",
    "codes": "codes",
    "onehot": "onehot",
    "idvae": "IDVAE, told codes",
    "supervised": "supervised, codes",
    "vae": "VAE",
    "beta-vae, beta 4": "beta-VAE, 4",
    "beta-vae, beta 16": "beta-VAE, 16",
}
heads = {"lds_all": "LDS", "lds_all_normalised": "normalised", "ssim_image": "SSIM"}
heads |= {"best_orientation": "|rho| angle", "best_shape": "|rho| shape"}
print("LDS of the five factors as they are")
print(results.summary(sprites, heads, told))


# %%
def spread(score, group):
    """A score's mean and standard deviation over seeds, as text."""
    found = results.values(sprites, group, score)
    return f"{found.mean():.3f} ±{found.std(ddof=1):.3f}"


print("LDS of the columns that each was told")
print(f"{'':<8}{'LDS':>14}{'normalised':>14}{'perfect code':>14}")
for group in ("all", "four", "codes", "onehot"):
    score = f"lds_{group}"
    runs = results.by_variant(sprites)[group]
    top = np.mean([run["reference"][score]["ceiling"] for run in runs])
    both = spread(score, group), spread(f"{score}_normalised", group)
    print(f"{group:<8}{both[0]:>14}{both[1]:>14}{top:14.3f}")

# %% mystnb={"image": {"alt": "SSIM against LDS of the five factors, three dots a variant. Aux-VAEs stand at LDS 0.75 to 0.91 and SSIM 0.92 to 0.95, those told all or codes beyond both thresholds, 0.8 and 0.9. VAE and beta-VAEs stand at LDS 0.2 to 0.4, with SSIM 0.97, 0.95 and 0.91. A black image lies at 0.88."}}
figure, axis = plt.subplots(figsize=(6, 4.2), layout="constrained")
colors = [ORANGE, ORANGE, ORANGE, ORANGE, "gray", "gray", BLUE, BLUE, BLUE]
for (variant, name), marker, color in zip(told.items(), "osD^XPv<>", colors, strict=True):
    x = results.values(sprites, variant, "lds_all")
    y = results.values(sprites, variant, "ssim_image")
    axis.plot(x, y, marker, color=color, markersize=6, alpha=0.8, label=name)
black = sprites["runs"][0]["reference"]["ssim_image"]["black"]
axis.axhline(black, color="black", linewidth=0.8)
axis.text(0.45, black + 0.002, "a black picture", fontsize=8)
axis.axhline(0.9, color="gray", linestyle=":")
axis.axvline(0.8, color="gray", linestyle=":")
axis.set(xlabel="LDS of the five factors (no unit)", xlim=(0.15, 1))
axis.set_ylabel("SSIM (no unit)")
axis.legend(fontsize=8, loc="center", bbox_to_anchor=(0.53, 0.62))
plt.show()

# %% [markdown]
# *Notice* that orange is to the right of blue by far, and not above it. The dotted lines are the claim's thresholds.
# "Four" stays left of 0.8 here only because it is asked for a fifth factor that it was not told: of its own four it has
# 0.91, as the lines after the table say. Each variant is at its own ceiling. Differences, paired by seed:


# %%
def gap(first, second, score, result=sprites):
    """A paired difference, printed with its interval."""
    p = results.paired(result, first, second, score)
    text = f"{p.mean:+.4f} [{p.low:+.4f}, {p.high:+.4f}]"
    print(f"{score:<11} {first} - {second}: {text}")
    return p


rivals = "vae", "beta-vae, beta 4", "beta-vae, beta 16"
gaps = {s: [gap("all", rival, s) for rival in rivals] for s in ("lds_all", "ssim_image")}
least = {s: results.values(sprites, "all", s).min() for s in gaps}
assert least["lds_all"] > 0.8 and least["ssim_image"] > 0.9
assert min(p.low for p in gaps["lds_all"]) > 0.4
assert gaps["ssim_image"][1].high < 0 < gaps["ssim_image"][2].low
way = (results.values(sprites, "all", "ssim_image").mean() - black) / (1 - black)
check("from a black picture to a perfect one, all", way, 0.3, tol=0.02)
assert results.chosen(sprites, rivals) == "vae"

# %% [markdown]
# - *LDS above 0.8*: in every seed. *SSIM above 0.9*: in every seed, though 0.917 is three tenths of the way from a
#   black picture to a perfect one.
# - *Better than $\beta$-VAE in LDS*: by 0.57 to 0.68, whatever $\beta$. The $\beta$-VAEs are at the floor or little
#   above it.
# - *Better in SSIM*: no. VAE and $\beta = 4$ are better, by 0.053 and 0.035. $\beta = 16$ is worse, so somebody who
#   compares with that one finds the claim confirmed. The paper's criterion on validation rows chooses $\beta = 1$,
#   the VAE.
#
# *D1 is reproduced in part: both thresholds hold; better than $\beta$-VAE in LDS, not in SSIM.*
#
# And it is the labels that buy the alignment. Take a supervised encoder, no VAE at all, which is told the codes, and a
# decoder behind it that learns to draw from its six answers:

# %%
same_lds = gap("supervised", "codes", "lds_codes_normalised")
same_ssim = gap("supervised", "codes", "ssim_image")
assert same_lds.low < 0 < same_lds.high and same_ssim.low < 0 < same_ssim.high
aligned = gap("idvae", "codes", "lds_codes_normalised")
drawn = gap("idvae", "codes", "ssim_image")
assert aligned.high < -0.5 and drawn.low > 0

# %% [markdown]
# Three seeds cannot tell these two apart. (Both intervals hold 0, which is not the same as being equal.) Where all that
# can be seen is told, little is left for four free latents to add. IDVAE, told the same, draws a little better and
# does not align.
#
# ## What LDS does not see
#
# Back to the table: "all" has an LDS 0.013 below a perfect code's, all of it from one of three seeds, and yet the
# orientation correlates with its best latent at 0.40 only. Equation (11.12) gives this factor about 0.80 at such a
# correlation, and 0.91 at 1: over five factors, two hundredths, which three seeds do not see. *Read `best_NAME`
# beside every LDS.*
#
# The latent could do better: (11.5) allows 0.66. What keeps it from there is most likely what happened to the toy
# above. The file has a trace of it. `linear_orientation` is $R^2$, on test rows, of a line fitted on *training* rows;
# the best line on the test rows themselves would have at least the square of the correlation, 0.16:

# %%
heads = {"best_orientation": "|rho|", "linear_orientation": "R^2 of line"}
heads |= {f"linear_{name}": f"R^2 {name}" for name in ("shape", "scale", "posX")}
print(results.summary(sprites, heads, ("all", "four", "codes")))
angle = results.values(sprites, "all", "linear_orientation")
assert angle.max() < 0 < results.values(sprites, "all", "best_orientation").min() ** 2
for name in ("shape", "scale", "posX"):
    lost = results.paired(sprites, "all", "codes", f"linear_{name}")
    print(f"{name}, all - codes: {lost.mean:+.4f} [{lost.low:+.4f}, {lost.high:+.4f}]")
    assert lost.high < 0
e = metrics.expected_null(sprites["n"]["test"])
check("(11.12) at 0.40", 0.4 / (0.4 + 9 * e), 0.797, tol=2e-3)

# %%
runs = results.by_variant(sprites)["all"]
perfect = [run["reference"]["lds_all"]["ceiling"] for run in runs]
below = perfect - results.values(sprites, "all", "lds_all")
check("LDS of all, below a perfect code's", below.mean(), 0.013, tol=5e-4)
check("seeds in which it is below", (below > 0).sum(), 1, tol=0)

# %% [markdown]
# Below zero: worse than a constant. So on its training rows the model's latents promised much more of the
# orientation than they keep. The other factors pay as well, a little, in every one of the three rows: shape most.
#
# Do other scores see it? They were computed for the columns of "codes", so ask LDS for the same:

# %%
heads = {"lds_codes": "LDS", "sap_r2": "SAP", "mig": "MIG", "dci_d": "DCI, D"}
shown = "all", "four", "codes", "vae", "beta-vae, beta 4"
print(results.summary(sprites, heads, shown))
loss = {}
for score in heads:
    held = {v: results.values(sprites, v, score).mean() for v in ("all", "codes")}
    loss[score] = 1 - held["all"] / held["codes"]
    print(f"{score:<10} all has {loss[score]:.0%} less than codes")
assert loss["lds_codes"] == min(loss.values())

# %% [markdown]
# All do, and LDS least. The claim is in LDS, for the factors as they are, where it hardly shows at all.
#
# With hearts alone $s = 1$, and $t$ can be read but for the jump at a whole turn. Does the angle do well there?

# %%
heads = {"ssim_image": "SSIM", "lds_angle": "LDS", "best_orientation": "|rho| angle"}
heads |= {"best_orientation_sin": "|rho| sine", "linear_orientation": "R^2 of line"}
print(results.summary(hearts, heads))
jump = gap("codes", "angle", "ssim_image", hearts)
assert jump.low > 0
follows = results.values(hearts, "angle", "best_orientation").mean()
check("hearts, told the angle: |rho|", follows, 0.868, tol=2e-3)
for name in ("scale", "posX", "posY"):
    assert results.values(hearts, "angle", f"best_{name}").min() > 0.99

# %% [markdown]
# Better, 0.87, and still not the 0.99 of every other factor: an encoder is continuous, and near the jump it must give
# neighbouring pictures numbers from opposite ends. LDS is at its ceiling either way.
#
# ## What a wrong target costs
#
# Three ways to treat the orientation, from the same sprites: tell the wrong thing (all), nothing (four), the
# right thing (codes).

# %%
price = [gap("four", "all", "ssim_image"), gap("codes", "four", "ssim_image")]
price.append(gap("vae", "codes", "ssim_image"))
assert min(p.low for p in price) > 0

# %% [markdown]
# *To tell a latent what the picture cannot show is worse than to tell it nothing*: it costs 0.010 of SSIM, and the
# right target instead of none gains 0.015. (The variants differ in the number of free latents, too, by one or two,
# and we have not separated that.) Guidance has a price even so: the VAE, which was told nothing at all, draws better
# than any of them, by 0.027 of SSIM than codes.
#
# ## Grey
#
# Same columns, same weights of the penalties, one likelihood against the other ($\sigma_x = 0.05$ for the Gaussian;
# its $R$ has another scale, so that equal weights do not weigh quite the same). With the recipe's own, lighter
# penalties as a third:

# %%
kinds = {
    "codes, gaussian": "gaussian",
    "codes, heavy penalties": "bernoulli",
    "codes": "bernoulli, light penalties",
}
heads = {"lds_codes": "LDS", "mse": "MSE", "ssim_image": "SSIM"}
print(results.summary(sprites, heads, kinds, digits=4))
errors = gap("codes, gaussian", "codes, heavy penalties", "mse")
likeness = gap("codes, gaussian", "codes, heavy penalties", "ssim_image")
assert errors.high < 0 and likeness.high < -0.05

# %% [markdown]
# The Gaussian has the *smaller* squared error and by far the smaller SSIM. We have no pictures of it here, but (11.9)
# says what to suspect. Take the carried model's pictures and add the faintest noise to them, far too little to be
# seen:

# %% tags=["nbval-ignore-output"]
part, answers = fresh.images[:300], x_hat[:300]
windows = np.lib.stride_tricks.sliding_window_view(part[:, 0], (7, 7), axis=(1, 2))
share = (windows.max((-1, -2)) == 0).mean()
dark = metrics.ssim(part, np.zeros((1, 1, 64, 64))).mean()
print(f"black windows {share:.4f}, SSIM of a black picture {dark:.4f}")
noise, grey = rng.standard_normal(answers.shape), {}
for sd in (0.0, 0.005, 0.01, 0.02):
    spoilt = answers + sd * noise
    mse = ((spoilt - part) ** 2).mean()
    grey[sd] = metrics.ssim(part, spoilt).mean(), mse
    print(f"noise of {sd:<5}: SSIM {grey[sd][0]:.3f}, MSE {mse:.5f}")

# %%
check("black picture less the share of black windows", dark - share, 0, tol=2e-3)
check("SSIM, no noise", grey[0][0], 0.942, tol=0.01)
check("SSIM, noise of 0.01", grey[0.01][0], 0.842, tol=0.015)
check("MSE added by 0.01", grey[0.01][1] - grey[0][1], 1e-4, tol=3e-5)

# %% [markdown]
# A tenth of SSIM for noise of a hundredth, which adds 0.0001 to MSE. A heart with a blurred edge is wrong in the few
# windows that hold its edge; a grey background is wrong in all the others. And the black picture scores, to the third
# decimal, its share of black windows. *On mostly black pictures SSIM asks first of all whether black is black.*
#
# ## Break it on purpose
#
# The Bernoulli likelihood with pixels that leave $[0, 1]$. By (11.8), at $x = 2$ the slope is $p - 2 < 0$ everywhere:
# no logit is large enough, and $R$ falls without end. Ask the function, and then `fit`, which refuses:

# %%
bright = torch.full((1, 1, 64, 64), 2.0)
for logit in (0.0, 10.0, 100.0):
    cost = training.reconstruction(bernoulli, torch.full_like(bright, logit), bright)
    print(f"logit {logit:5.1f}: R = {float(cost):10.1f} nats")
check("at 100, nats", cost, -409600, tol=1)
standard = Config.paper(likelihood="bernoulli", image_scaling="standard", epochs=1)
try:
    training.fit(standard, train)
except ValueError as refusal:
    text = str(refusal)
    print(text.replace(": ", ":\n", 1))
assert "needs scaled pixels in [0, 1]" in text

# %% [markdown]
# Nothing would have crashed without the question. The loss would have gone down, and down.
#
# ## What this does not tell you
#
# - *The official pixels, all of them.* 258 of 737,280 were compared.
# - *What the best weights are.* One setting of $\lambda_1$ and $\lambda_2$ served all the variants, scaled down from
#   the galaxies' with $R$, not chosen by a grid as in [chapter 10](10_hyperparameters.ipynb). Heavier ones cost
#   "codes" a hundredth of SSIM.
# - *What the paper's numbers were computed on.* Which rows, which SSIM, which $u$: the authors' code has four
#   factors, the claim says all.
# - *Why the Gaussian's SSIM is low.* Grey is what (11.9) and the experiment suggest; its pictures were not kept.
# - *New shapes.* Test rows are other combinations of values that training has seen. [Chapter 12](12_cars3d.ipynb) has
#   objects that nothing has seen.
# - *More than three seeds can.* With three, an interval is 4.3 standard errors wide to each side.
#
# ## Exercises
#
# ### Exercise 11.1 (pen, 10 minutes)
#
# A set has regular polygons with the symmetries $s_1, s_2, \dots$, equally often, at random angles. Generalise (11.5)
# and (11.6): give $\rho_{\max}$ and $|\rho(t, \sin s\,t)|$. With equilateral triangles alone: 0.333 and 0.260.


# %% tags=["solution"]
def limits(symmetries):
    """Largest correlation of any answer with t, and that of the sine code."""
    s = np.asarray(symmetries, dtype=float)
    return np.sqrt((1 / s**2).mean()), (1 / s).mean() * np.sqrt(6) / np.pi


# %%
check("triangles, best", limits([3])[0], 1 / 3, tol=1e-9)
check("triangles, sine", limits([3])[1], 0.2599, tol=1e-4)
check("dSprites, best", limits([4, 2, 1])[0], 0.6614, tol=1e-4)
check("dSprites, sine", limits([4, 2, 1])[1], 0.4548, tol=1e-4)

# %% [markdown]
# <details><summary>Why</summary>
#
# The variance of the best answer is $\operatorname{Var}(t)/s^2$ within each shape, and its mean is $\pi$ for all, so
# shares average as $1/s^2$. The covariance with the sine is $-1/s$, so those average as $1/s$. For one shape the
# ratio of the two is always $\sqrt 6/\pi = 0.78$, the correlation of a ramp with its sine.
#
# </details>
#
# ### Exercise 11.2 (code, 10 minutes)
#
# Score a latent on classes without numbering them: take the mean of the latent for each class on the first half of the
# rows, assign each row of the second half to the class with the nearest mean, and return the share that is right.


# %% tags=["solution"]
def class_share(latent, classes):
    """Share of the second half's rows whose class has the nearest mean."""
    half = len(latent) // 2
    kinds = np.unique(classes)
    means = np.array([latent[:half][classes[:half] == kind].mean() for kind in kinds])
    nearest = np.abs(latent[half:, None] - means).argmin(1)
    return (kinds[nearest] == classes[half:]).mean()


# %%
free = beta.encode(fresh.images).mu.numpy()
best = max(class_share(column, classes) for column in free.T)
check("Aux-VAE's latent of the shape", class_share(codes[:, 0], classes), 0.99, tol=0.02)
other = np.array([1, 0, 2])[classes]
renamed = class_share(codes[:, 0], other) - class_share(codes[:, 0], classes)
check("after renaming the classes", renamed, 0, tol=1e-9)
check("the best of the beta-VAE's latents", best, 0.42, tol=0.1)

# %% [markdown]
# <details><summary>Why</summary>
#
# Nearest means know nothing of an order, so renaming changes nothing. A guess is right for a third of the rows. The
# score still needs one latent to hold the shape, with a separate place for each class; that is what "disentangled"
# should mean for a class.
#
# </details>
#
# ### Exercise 11.3 (think, 10 minutes)
#
# By (11.12), with ten latents: on how many rows does a factor score an LDS of 0.9 whose latent correlates with it by
# $\rho$ only? Use $e(n) \approx \sqrt{2/(\pi n)}$. Then compare with the number of pictures in dSprites.


# %% tags=["solution"]
def rows_needed(rho, score=0.9, latents=10):
    """Rows on which a latent of correlation rho has the given LDS."""
    chance = rho * (1 - score) / score / (latents - 1)
    return 2 / (math.pi * chance**2)


# %%
check("rho = 1, in rows", rows_needed(1.0), 4177, tol=1)
check("rho = 0.4, in rows", rows_needed(0.4), 26105, tol=1)
check("rho = 0.1, in thousands of rows", rows_needed(0.1) / 1000, 417.7, tol=0.1)

# %% [markdown]
# <details><summary>Why</summary>
#
# $\rho/(\rho + 9e) = 0.9$ means $e = \rho/81$, so $n = 2 \cdot 81^2/(\pi \rho^2)$. A latent that follows its factor
# at 0.1, one per cent of the variance, scores 0.9 on 417,700 rows, and dSprites has 737,280. With all of them LDS
# would call it nearly perfect. More data make LDS *less* able to see a weak latent.
#
# </details>
#
# ## Quiz
#
# **1.** A model is told the orientation of squares as an angle. Its latent correlates with it at 0.95 on training
# rows. What do you expect on new rows, at most?
#
# <details><summary>Answer</summary>
#
# By (11.5) with $s = 4$ alone: $\rho_{\max} = \tfrac14$. The 0.95 is memory.
#
# </details>
#
# **2.** Sprites half as large would make the black picture's SSIM larger or smaller? And would "SSIM above 0.9" be
# worth more?
#
# <details><summary>Answer</summary>
#
# Larger: more windows without a white pixel. It would be worth less; it might be reached by drawing nothing.
#
# </details>
#
# **3.** LDS of a shape in three one-hot columns is 0.5. Is the code bad?
#
# <details><summary>Answer</summary>
#
# It may be perfect: that is what (11.11) gives for columns that are held exactly, one to a latent.
#
# </details>
#
# ## Take-aways
#
# - A picture shows $s\,t$, not $t$: at most $\rho = 0.66$ with the orientation. Tell a model $\cos(s\,t)$ and
#   $\sin(s\,t)$, not the angle; a wrong target is worse than none.
# - Bernoulli: $R = \sum \log(1 + e^\ell) - x\,\ell$, with $x$ in $[0, 1]$; beyond, the loss has no bottom.
# - A black picture scores its share of black windows, 0.88; grey of 0.01 halves a black window.
# - LDS does not see how firmly a factor is held; a number for a class makes its correlation a matter of the
#   numbering, and one-hot columns make a perfect code score $\tfrac12$.
# - D1 is reproduced in part: both thresholds hold; better than $\beta$-VAE in LDS, not in SSIM.
#
# ## Further reading
#
# - [Matthey et al. 2017](https://github.com/google-deepmind/dsprites-dataset), the set itself.
# - [Higgins et al. 2017](https://openreview.net/forum?id=Sy2fzU9gl), who made it for the $\beta$-VAE.
# - [Jang et al. 2017](https://arxiv.org/abs/1611.01144) on latents that are classes.
# - [Chapter 12](12_cars3d.ipynb), where the pictures have colours and the objects have names.
#
# <details class="instructor"><summary>For the teacher</summary>
#
# *Wrong answers to expect.* That an LDS near its ceiling means that every factor is held; that a black picture must
# have an SSIM near 0; that more test rows make LDS stricter. *Where to pause.* Before the figure of turned sprites:
# let the class draw which frames are equal. After the toy's table: why 0.9 on training rows, when 0.66 is the most?
# *What to cut.* With 45 minutes, skip "The order of the shapes" and "Grey".
#
# </details>
