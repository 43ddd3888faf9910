# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Cars3D: an angle is not a number
#
# [![Open this chapter in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_GITHUB_OWNER/auxvae-lite/blob/main/book/12_cars3d.ipynb)
# [![Launch this chapter on Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/YOUR_GITHUB_OWNER/auxvae-lite/main?urlpath=lab/tree/book/12_cars3d.ipynb)
#
# [Module `simulators.cars`](api.md#cars3d-lite) · Section 4 of [arXiv 2507.00298](https://arxiv.org/abs/2507.00298)
#
# **What is shown here is Cars3D-lite, our own drawn cars. It is not Cars3D.** Every number of this chapter is about
# our cars. To run the chapter's training lines on the official file, put it into the folder `data/` at
# the top of the repository and write
#
# ```python
# from auxvae_lite.simulators import official
# drawn = FactorDataset(*official.cars3d("../data/nips2015-analogy-data.tar.gz"))
# ```
#
# Its columns are `elevation`, `azimuth_cos`, `azimuth_sin` and `object`, and the lines need no other change.
#
# We turn cars, and ask what number a direction is, what number a car is, and what a model loses that is told the
# wrong one.
#
# **After this chapter you can**
#
# - say why a direction needs two numbers, and what a single one costs;
# - choose columns for a factor that is a circle or a name, and let the package make them;
# - train with labels that are missing or have errors, and say what each does to the loss;
# - work out the LDS of a perfect code when the factors themselves correlate;
# - say what becomes of "better than beta-VAE" on cars.
#
# **You need** the prior of [chapter 2](02_prior.ipynb) and LDS of [chapter 7](07_metrics.ipynb). **Helpful**:
# [chapter 11](11_dsprites.ipynb), where an angle meets symmetry. **Time**: 45 minutes of reading; the code runs for
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
turns = 480  # pictures of one car from which a small network learns to read its direction
fleets = 200  # random fleets in the Monte-Carlo check
images = 1500  # of the training that the chapter does itself
epochs = 4
seed = 0

# %% [markdown]
# ## Predict first
#
# A car is photographed from 24 directions, 0, 15, ..., 345 degrees. An Aux-VAE is told the direction as one number,
# the azimuth in degrees. Another is told two, its cosine and sine.
#
# *On new pictures, how well does the first one's latent correlate with the azimuth: 0.5, 0.9 or 0.99? And which of
# the two draws the better pictures?*
#
# <details><summary>One answer</summary>
#
# 0.99, and the first one draws a little better, by 0.017 in SSIM. By those two numbers a single angle is fine. They
# do not look where it breaks: between 345 and 0 degrees, two neighbouring views, the latent has to run
# through all the other angles, and its cosine cannot be read from the code by any line.
#
# </details>

# %%
import math
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neural_network import MLPRegressor

from auxvae_lite import metrics, training
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.describe import describe
from auxvae_lite.pages import pretrained
from auxvae_lite.pages.teaching import check, show_source
from auxvae_lite.simulators import cars
from auxvae_lite.study import results, unlike
from auxvae_lite.training import Config

evidence, few = results.load("cars"), results.load("cars-few")
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"

# %% [markdown]
# ## The set
#
# Cars3D (Reed et al. 2015) has 183 cars, each from 4 elevations and 24 azimuths. Ours has the same grid, with one
# difference that the chapter lives on: which car it is, is known as five numbers, so we can ask whether a model found
# them. A car is some sixty flat faces. Its axes are $x$ forward, $y$ to its left, $z$ up. From far away, at azimuth
# $a$ and elevation $e$, the camera sees a point at
#
# $$
# \text{right} = x \sin a + y \cos a, \qquad
# \text{up} = (z - z_0)\cos e - (x \cos a - y \sin a) \sin e, \tag{12.1}
# $$
#
# $z_0 = 0.62$ m being the height that comes to the middle of the picture, and of two points on the same line of sight
# the one with the larger
#
# $$
# \text{near} = z \sin e + (x \cos a - y \sin a)\cos e \tag{12.2}
# $$
#
# hides the other. At $a = 90°$ the camera looks at the right side, so that $y$, the left, points away from it:
# check a sign or two in

# %%
show_source(cars.project)

# %% [markdown]
# Nine samples to a pixel each take the colour of the nearest face, and a pixel is their mean. Nothing else happens:
# no noise, no perspective, one light above the camera.
#
# | symbol | name | unit | shape |
# |---|---|---|---|
# | $e$ | `elevation`: 8, 18, 28, 38 | degrees | one per picture |
# | $a$ | `azimuth`: 0, 15, ..., 345 | degrees | one per picture |
# | $(\cos a, \sin a)$ | `azimuth_cos`, `azimuth_sin` | none | two per picture |
# | | `length` 3.4 to 5.0, `height` 1.3 to 1.9 | m | one each per car |
# | | `cabin` 0 to 1, where the roof ends; `lightness` 0.3 to 0.75; `warmth` -1 (blue) to 1 (red) | none | one each per car |
# | | `object`: the car's number, in no order | none | one per car |

# %% mystnb={"image": {"alt": "Eight cars in columns, drawn from low and from high, at six azimuths in rows. Cars differ in length, height, where the roof ends, and paint. At azimuth 0 one sees the front with pale lamps, at 180 the rear with red ones, at 60, 120, 240 and 300 the sides, at a slant."}}
fleet, shown = cars.identities(8, seed), (0, 60, 120, 180, 240, 300)
figure, axes = plt.subplots(12, 8, figsize=(6.4, 9.8), dpi=76, layout="constrained")
views = [(low, a) for low in (8, 38) for a in shown]
for row, (elevation, azimuth) in zip(axes, views, strict=True):
    for axis, picture in zip(row, cars.render(fleet, elevation, azimuth), strict=True):
        axis.imshow(picture.transpose(1, 2, 0))
    row[0].set_ylabel(f"{elevation}°, {azimuth}°", fontsize=8)
plt.setp(axes, xticks=[], yticks=[])
figure.suptitle("rows: elevation, azimuth", fontsize=9)
figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
plt.show()

# %% [markdown]
# *Notice* that front and rear differ in every column: no two azimuths of a car look alike, so an azimuth can be read.
# How fast is the drawing, on one core?

# %% tags=["nbval-ignore-output"]
rates = []
for _ in range(3):
    start = time.process_time()
    cars.render(np.repeat(fleet, 12, axis=0), 18, np.tile(cars.AZIMUTHS[::2], 8))
    rates.append(96 / (time.process_time() - start))
print(f"best of three: {max(rates):.0f} images/s")

# %%
check("images a second, at most 100 counted", min(max(rates), 100), 100, tol=0)

# %% [markdown]
# ## A direction is a circle
#
# The prior of Eq. 3 sets each guided latent at one number, $z_j \sim \mathcal N(u_j, 1/n)$. So every factor has to be
# made of numbers first. Let $f$ be any code of the azimuth by *one* number. As the car turns, its picture changes
# without a jump, so suppose that $f$ does, too. Compare opposite views, $g(a) = f(a) - f(a + 180°)$. Half a turn
# later
#
# $$
# g(a + 180°) = f(a + 180°) - f(a + 360°) = -g(a), \tag{12.3}
# $$
#
# so $g$ changes its sign on the way, and somewhere it is 0: *a single number without a jump gives two opposite views
# the same code*. The azimuth in degrees avoids that by a jump from 360 to 0. But an encoder is a continuous function
# of the picture. It cannot jump; it can fall steeply. Let it fall in a straight line while the car turns through $w$
# degrees about azimuth 0, and be right elsewhere. Inside, at $t$ degrees past 0, it is wrong by $180\,(1 - 2t/w)$,
# from 180 down to nothing, likewise before 0. The mean square of that is $180^2/3$, which happens to be the variance
# of an azimuth spread over the whole turn. So of all views
#
# $$
# 1 - R^2 = \frac{w}{360°}. \tag{12.4}
# $$
#
# *Only a sliver is wrong, and no average over views will make a fuss about it.* In the sliver, though, every angle
# occurs. Two numbers are enough to do without: $(\cos a, \sin a)$ goes round without a jump, and the distance of two
# codes
#
# $$
# \lVert c(a) - c(b) \rVert = 2\,\bigl|\sin \tfrac{a - b}{2}\bigr| \tag{12.5}
# $$
#
# depends on the turn between them alone. Can a reader who wants degrees have them from this pair? With an arctangent,
# exactly. With a line, in part: for $N$ equally spaced azimuths $a_k = 2\pi k/N$ the sum of a geometric series is
# $\sum_k k\,e^{i a_k} = N/(e^{2\pi i/N} - 1)$, of modulus $N/(2\sin\frac{\pi}{N})$. Cosine and sine have variance
# $\tfrac12$ each and are uncorrelated, the azimuth has the variance $\pi^2 (N^2-1)/(3N^2)$, and so
#
# $$
# R^2\bigl(a \text{ from } \cos a, \sin a\bigr)
# = \frac{2\,\bigl|\frac1N \sum_k a_k e^{i a_k}\bigr|^2}{\operatorname{Var} a}
# = \frac{6}{(N^2 - 1)\,\sin^2(\pi/N)}, \tag{12.6}
# $$
#
# 0.6125 for our 24, and $6/\pi^2 = 0.608$ for a continuous turn. The other way round a line does worse still: the
# same sum, part by part, gives the cosine $6/(N^2-1) = 0.010$ of its variance, the sine all the rest, 0.602.
#
# ## A car is a name
#
# Which car it is has no order at all. Three ways to say it in columns:
#
# - *parameters*, five numbers that we know because we drew the cars;
# - *a number*, 0 to 182, in an order that means nothing (the official file's only column for it);
# - *one-hot*, a column for each car, 1 for this car and 0 for others.
#
# Before we compare their LDS: what would a *perfect* code score, $z_k = u_k$ and noise in the other latents? That is
# 1 over $1 + \sum_{j \ne k} |\rho(u_j, u_k)| + \dots$, so *columns that correlate with each other hold it down*. For
# one-hot columns of $N$ equally frequent cars, $\operatorname{Var} = \frac1N(1 - \frac1N)$ and $\operatorname{Cov} =
# -\frac1{N^2}$, so
#
# $$
# \rho = -\frac{1}{N - 1}, \qquad
# \mathrm{LDS} = \frac{1}{1 + (N - 1)\frac{1}{N - 1}} = \frac12 \quad\text{for every } N. \tag{12.7}
# $$
#
# Parameters correlate, too, by chance: a fleet has only $N$ cars, however many pictures there are. With $e(n)$ the
# mean chance correlation of $n$ rows (chapter 7, about $\sqrt{2/(\pi n)}$), $n$ pictures, $d$ latents, three columns
# of pose and $K - 3$ parameters, a perfect code scores about
#
# $$
# \mathrm{LDS} \approx \frac1K \left[ \frac{3}{1 + (d - 1)\,e(n)}
# + \frac{K - 3}{1 + (K - 4)\,e(N) + (d - K + 3)\,e(n)} \right]. \tag{12.8}
# $$
#
# With $N = 183$, $e(N) = 0.059$: *no number of pictures lifts it*, only more cars. In the tables below, `ceiling` is
# this, for the very fleets of the three seeds. It is an expectation; a run may pass it.
#
# ## Check it by hand
#
# *Four azimuths*, 0, 90, 180 and 270 degrees: (12.6) says $6/(15 \cdot \tfrac12) = 0.8$. By hand, in units of 90
# degrees the azimuth is 0, 1, 2, 3, its variance 5/4; its covariance with the cosine (1, 0, -1, 0) is $-\tfrac12$,
# with the sine (0, 1, 0, -1) also $-\tfrac12$. So $(\tfrac14 + \tfrac14)/(\tfrac12 \cdot \tfrac54) = 0.8$. *Three
# cars*, one-hot: correlations of $-\tfrac12$, LDS $1/(1 + \tfrac12 + \tfrac12)$.


# %%
def line(N):
    """R^2 of a line from cosine and sine to one of N azimuths, by regression."""
    a = np.arange(N) * 2 * np.pi / N
    X = np.column_stack([np.ones(N), np.cos(a), np.sin(a)])
    rest = a - X @ np.linalg.lstsq(X, a, rcond=None)[0]
    return 1 - rest.var() / a.var()


for N, by_hand in ((4, 0.8), (24, 6 / (575 * math.sin(math.pi / 24) ** 2))):
    check(f"{N} azimuths from the circle, by a line", line(N), by_hand, tol=1e-9)
for N in (3, 6):
    hot = np.tile(np.eye(N), (20, 1))
    check(f"{N} cars one-hot: perfect LDS", metrics.lds(hot, hot).value, 0.5, tol=1e-9)

# %% [markdown]
# ## Check it by Monte Carlo
#
# (12.8) puts a mean inside $1/x$ and pretends that the correlations are independent. Draw fleets and rows as the
# evidence does, 3,513 test pictures of 183 cars, 115 of 6, and give a perfect code two noisy latents:


# %%
def ceiling(N, n, rng):
    """LDS of a perfect code with two noisy latents, for one random fleet."""
    rows = rng.choice(96 * N, n, replace=False)
    elevation, azimuth, car = np.unravel_index(rows, (4, 24, N))
    a = np.radians(15 * azimuth)
    body = cars.identities(N, int(rng.integers(2**31)))[car]
    u = np.column_stack([elevation, np.cos(a), np.sin(a), body])
    z = np.hstack([u, rng.standard_normal((n, 2))])
    return metrics.lds(z, u, permutations=1).value


rng, e = np.random.default_rng(seed), metrics.expected_null
for N, n, tol in ((183, 3513, 0.015), (6, 115, 0.04)):
    drawn = [ceiling(N, n, rng) for _ in range(fleets)]
    body = 5 / (1 + 4 * e(N) + 5 * e(n))
    check(f"{N} cars", np.mean(drawn), (3 / (1 + 9 * e(n)) + body) / 8, tol=tol)

# %% [markdown]
# The formula is low by less than a hundredth for 183 cars, and by two for 6: $1/x$ bends, and for so few cars that
# counts. The tables use the true columns, not the formula.
#
# ## One car, turned
#
# First the pictures themselves: how far is a view from the view at azimuth 0, in grey levels, and how far are the
# codes?

# %% mystnb={"image": {"alt": "Distance from the view at azimuth 0, each scaled to a maximum of 1, against azimuth. Pictures rise steeply within 60 degrees, dip to a third at 180, where the rear looks like the front, and come back to 0 at 360. The circle's distance is one arch from 0 to 0. The angle's distance climbs in a line to 1 at 360, where the picture is the first one again."}}
car = np.array([4.2, 1.5, 0.2, 0.45, 0.8])
around = np.arange(0, 361, 7.5)
views = cars.render(np.tile(car, (len(around), 1)), 18, around).astype(float)
apart = np.sqrt(((views - views[0]) ** 2).mean((1, 2, 3)))
chord = 2 * np.sin(np.radians(around) / 2)
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
axis.plot(around, apart / apart.max(), "o-", color=GREEN, ms=3, label="pictures")
axis.plot(around, chord / 2, "--", color=BLUE, label="(cos, sin), by (12.5)")
axis.plot(around, around / 360, ":", color=ORANGE, lw=2, label="angle")
axis.set(xlabel="azimuth (degrees)", ylabel="distance from azimuth 0\n(of the largest)")
axis.set_xticks(range(0, 361, 60))
axis.legend(fontsize=8)
plt.show()
check("360 degrees from 0 on the circle: chord", chord[-1], 0, tol=1e-9)

# %% [markdown]
# *Notice* the right end: pictures and circle return, the angle is as far away as it can get. (The dip at 180 is the
# rear, which has nearly the outline of the front. A car with equal ends would need another circle, twice around in
# one turn: that is [chapter 11](11_dsprites.ipynb)'s problem.)
#
# Now a small network reads this one car's direction from its picture (shrunk to 16x16 pixels; an encoder without a
# decoder, to save time). Twice, with the same pictures and first weights: once it is told the angle, once cosine and
# sine. We read both on a full turn, and in steps of a tenth of a degree around 0.


# %%
def small(azimuth):
    """Pictures of the car at 16x16, one row each."""
    pictures = cars.render(np.tile(car, (len(azimuth), 1)), 18, azimuth) / 255
    return pictures.reshape(-1, 3, 16, 4, 16, 4).mean((3, 5)).reshape(len(pictures), -1)


def network(x, u):
    """A small network that has seen the rows a hundred times."""
    network = MLPRegressor(hidden_layer_sizes=(64, 64), random_state=seed)
    network.set_params(learning_rate_init=3e-3)
    for _ in range(100):
        network.partial_fit(x, u)
    return network


told = np.random.default_rng(seed).uniform(0, 360, turns)
asked = np.concatenate([np.arange(-6, 6.05, 0.1), np.arange(9, 352, 3)]) % 360

# %% tags=["nbval-ignore-output"]
x, y = small(told), small(asked)
middle, spread = x.mean(0), x.std()
x, y = (x - middle) / spread, (y - middle) / spread
a = np.radians(told)
pair = network(x, np.column_stack([np.cos(a), np.sin(a)])).predict(y)
read = {"angle": 180 + 104 * network(x, (told - 180) / 104).predict(y)}
read["(cos, sin)"] = np.degrees(np.arctan2(pair[:, 1], pair[:, 0])) % 360
wrong = {name: np.abs((r - asked + 180) % 360 - 180) for name, r in read.items()}
far = np.minimum(asked, 360 - asked) > 8
for name, error in wrong.items():
    print(f"{name:<11} median error {np.median(error[far]):.2f} degrees away from 0,")
    print(f"            largest within 6 degrees of 0: {error[~far].max():.1f} degrees")

# %% mystnb={"image": {"alt": "Left, azimuth read against true azimuth: both networks follow the diagonal. Right, error against azimuth within 6 degrees of 0: told the angle, the error shoots up to more than 100 degrees within about one degree of 0; told cosine and sine, it stays near 0 all along."}}
signed = (asked + 180) % 360 - 180
order = np.argsort(signed)
figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.2), layout="constrained")
for name, color, style in (("angle", ORANGE, "."), ("(cos, sin)", BLUE, "+")):
    axes[0].plot(asked, read[name], style, color=color, ms=4, label=f"told {name}")
    axes[1].plot(signed[order], wrong[name][order], style + "-", color=color, ms=3, lw=1)
axes[0].set(xlabel="true azimuth (degrees)", ylabel="azimuth read (degrees)")
axes[1].set(xlabel="true azimuth (degrees)", ylabel="error (degrees)", xlim=(-6, 6))
axes[0].set_xticks(range(0, 361, 90))
axes[0].set_yticks(range(0, 361, 90))
axes[0].legend(fontsize=8)
plt.show()

# %%
check("told the angle: largest error near 0", wrong["angle"][~far].max(), 135, tol=45)
check("told the pair: largest error anywhere", wrong["(cos, sin)"].max(), 0, tol=15)
ratio = np.median(wrong["angle"][far]) / np.median(wrong["(cos, sin)"][far])
check("angle over pair, median error away from 0, at least", min(ratio, 1.5), 1.5, tol=0)

# %% [markdown]
# *Notice* the right panel: on the way from 360 to 0 the reading passes through the other angles, as (12.3) said it
# must, and there the car is read as if turned away. It happens within a few degrees: a network can fall steeply. On
# the grid of 24 azimuths it may even hide the whole fall between two of them. Away from 0 the angle is read less
# well, too, by a factor of two or more. Perhaps that is the price of the steep place, which the same few weights have
# to make.
#
# ## What the model was told
#
# Now the evidence: Aux-VAEs of the book's recipe on 183 cars, three seeds, which differ in what guided them. `all` is
# elevation, cosine, sine and five parameters; `angle` has the azimuth in the place of cosine and sine; `pose` is
# elevation, cosine and sine alone; `numbers` is elevation, azimuth and the car's number. The last three columns are
# $R^2$ on test pictures, with a floor of 0: of a line from all ten latents, free ones included, and in `free cos`, of
# nearest neighbours in the *free* latents alone. (The VAE has no guided ones. Its two are those that remain when the
# best latent of each of eight columns is set aside.)

# %%
kinds = {"all": "cos, sin, parameters", "angle": "angle, parameters"}
kinds |= {"pose": "cos, sin", "numbers": "angle, number", "vae": "nothing (VAE)"}
heads = {"ssim_global": "SSIM", "best_azimuth": "|rho| azim."}
heads |= {"linear_azimuth": "line azim.", "linear_azimuth_cos": "line cos"}
heads |= {"others_neighbours_azimuth_cos": "free cos"}
print(results.summary(evidence, heads, kinds))
gap = results.paired(evidence, "angle", "all", "ssim_global")
print(f"SSIM, angle minus all: {gap.mean:.3f} [{gap.low:.3f}, {gap.high:.3f}]")

# %%
expected = {("all", "linear_azimuth"): 0.64, ("angle", "linear_azimuth_cos"): 0.03}
expected |= {("angle", "best_azimuth"): 0.989, ("all", "linear_azimuth_cos"): 0.983}
expected |= {("angle", "others_neighbours_azimuth_cos"): 0.78}
expected |= {("all", "others_neighbours_azimuth_cos"): 0.01}
for (variant, score), value in expected.items():
    found = results.values(evidence, variant, score).mean()
    check(f"{variant}, {score}", found, value, tol=0.006)
check("SSIM, angle minus all", gap.mean, 0.017, tol=5e-4)

# %% [markdown]
# Three things to read.
#
# *Each way is good at what it was told.* The angle's latent correlates 0.99 with the angle, and a line finds 0.03 of
# the cosine (0.01 for a perfect one, by the text after 12.6). The pair gives 0.98 of the cosine, and 0.64 of the
# angle, where (12.6) allows a perfect pair alone 0.61; with many free latents beside it, as under "cos, sin", a line
# finds 0.78. A score is a question, and "how well does a line read the azimuth in degrees?" is a bad one.
#
# *SSIM does not punish the angle.* It is higher, and the interval excludes 0, barely. Nor does its $R^2$ of
# 0.977 say how steep the fall is: (12.4) averages over all azimuths, and on the grid a fall that fits between 345 and
# 360 degrees costs nothing.
#
# *The free latents hold a second copy.* Told the angle, they know 0.78 of the cosine, where those of `all` know
# nothing. The penalty of chapter 4 forbids them to correlate with the *angle*, its square and its cube, and a circle
# folded the right way does not. So the model keeps the direction a second time where nobody guides it: a reader of
# the guided latent alone does not have that, the decoder does. We did not take that copy away and look; and `angle`
# has three free latents where `all` has two, so the SSIM may owe something to that as well.
#
# ## A number, or one-hot
#
# `numbers` tells the model a car's number. On other pictures of the *same* cars, the best latent correlates with it
# by:

# %%
body = {"best_object": "|rho| number", "new_linear_length": "length"}
body |= {"new_linear_cabin": "cabin", "new_linear_warmth": "warmth"}
body |= {"new_ssim_global": "SSIM, new"}
rows = {k: v for k, v in kinds.items() if k != "angle"}
print(results.summary(evidence, body, rows))
p = results.paired(evidence, "numbers", "pose", "new_linear_length")
print(f"length of new cars, numbers minus pose: {p.mean:.2f} [{p.low:.2f}, {p.high:.2f}]")

# %%
number = results.values(evidence, "numbers", "best_object").mean()
check("the number, of cars in training", number, 0.364, tol=1e-3)
names = ("length", "height", "cabin", "lightness", "warmth")
scores = [[f"{w}linear_{name}" for name in names] for w in ("", "new_")]
read_all = [[results.values(evidence, "all", s).mean() for s in row] for row in scores]
seen, unseen = np.array(read_all)
check("parameters: lowest R^2 on new cars", unseen.min(), 0.936, tol=1e-3)
check("largest loss from known to new cars", (seen - unseen).max(), 0.01, tol=2e-3)
cabin = [results.values(evidence, "all", f"{w}linear_cabin") for w in ("", "new_")]
check("cabin, new cars, lowest seed", cabin[1].min(), 0.90, tol=5e-3)
check("cabin, largest loss of a seed", (cabin[0] - cabin[1]).max(), 0.04, tol=5e-3)
turn = results.values(evidence, "pose", "linear_azimuth").mean()
check("pose, linear_azimuth", turn, 0.78, tol=6e-3)

# %% [markdown]
# Even for cars that it was trained on, the number is learnt badly, 0.36. (The 0.14 of `all` is chance: among 183 cars
# the numbers correlate that much with one of five parameters.) Neighbours in number are no neighbours in anything
# that a picture shows, so nothing that is learnt from one car helps with the next.
#
# The columns in the middle are of 30 cars that no model has seen, $R^2$ of a line from all latents. *Parameters carry
# over*: in the mean of the seeds the lowest is 0.94, and none loses more than 0.01 from known cars to new ones. (In one
# seed the cabin loses 0.04 and ends at 0.90.) A *number cannot be scored* on
# a new car: it has none. What the model answers is some number of another car. And being told numbers has not taught
# it the length either; the interval against `pose`, which is told nothing about the car, holds 0.
#
# One-hot columns need one latent a car, so the comparison is on six cars, with few pictures:

# %%
heads = {"lds_all": "LDS, all", "lds_onehot": "LDS, one-hot", "lds_pose": "LDS, pose"}
heads |= {"linear_warmth": "line warmth", "ssim_global": "SSIM"}
print(results.summary(few, heads))
p = results.paired(few, "onehot", "all", "lds_onehot")
print(f"LDS, one-hot columns, onehot minus all: {p.mean:.3f} [{p.low:.3f}, {p.high:.3f}]")
reference = [run["reference"]["lds_onehot"] for run in few["runs"]]
top = np.mean([row["ceiling"] for row in reference])

# %%
e = metrics.expected_null(115)
check("ceiling of pose and six one-hot columns", top, 0.514, tol=1e-3)
perfect = (3 / (1 + 9 * e) + 6 / (1 + 1 + 4 * e)) / 9
check("(12.7) with three of pose and a noisy latent", perfect, top, tol=0.03)
check("onehot minus all: low end", p.low, -0.076, tol=1e-3)

# %% [markdown]
# *Notice the ceilings.* A perfect code scores 0.51 here on one-hot columns and pose, and 0.49 on `all`.
# Read without them, 0.45 looks like failure. Which of the two ways is better, three seeds and 403 pictures cannot
# say: the interval holds 0.
#
# ## C1: better than beta-VAE?
#
# The paper's claim for Cars3D is a direction. On our cars, with the setting of beta-VAE that validation rows choose:

# %%
beta = results.chosen(evidence, ["beta-vae, beta 4", "beta-vae, beta 16"])
heads = {"lds_all": "LDS", "lds_all_normalised": "LDS, norm.", "ssim_global": "SSIM"}
heads |= {"linear_warmth": "line warmth", "dci_d": "DCI D"}
print(results.summary(evidence, heads))
print(f"chosen: {beta}. Minus beta-VAE, paired by seed, with 95 % intervals:")
against = {}
for variant in ("all", "all, sigma 0.015", "pose"):
    both = ("lds_all", "ssim_global")
    pairs = against[variant] = [results.paired(evidence, variant, beta, s) for s in both]
    text = "; ".join(f"{p.mean:6.3f} [{p.low:6.3f}, {p.high:6.3f}]" for p in pairs)
    print(f"{variant:<17} LDS {text.replace('; ', '; SSIM ')}")

# %% mystnb={"image": {"alt": "SSIM against LDS, one dot per seed. VAE and beta-VAE sit at LDS 0.23 and SSIM 0.81 to 0.84, pose at 0.49 and 0.82, all with sigma 0.015 near 0.68 and 0.825, all at 0.87 and 0.80, supervised at 0.87 and 0.78. From left to right SSIM falls."}}
marks = {"vae": ("s", "gray"), "beta-vae, beta 4": ("^", "gray"), beta: ("v", "black")}
marks |= {"idvae": ("P", "#CC79A7"), "pose": ("D", GREEN), "angle": ("<", "#E69F00")}
marks |= {"all": ("o", BLUE), "all, sigma 0.015": ("X", "#56B4E9")}
marks |= {"supervised": ("*", ORANGE)}
figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
for variant, (marker, color) in marks.items():
    pair = (results.values(evidence, variant, s) for s in ("lds_all", "ssim_global"))
    axis.plot(*pair, marker, color=color, label=variant, ms=7, alpha=0.8)
refs = [run["reference"]["lds_all"] for run in evidence["runs"]]
for name in ("floor", "ceiling"):
    axis.axvline(np.mean([row[name] for row in refs]), color="gray", ls=":")
axis.set(xlabel="LDS of all eight factors (floor and ceiling dotted)", ylabel="SSIM")
axis.set_ylim(0.75, 0.85)
axis.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5))
plt.show()

# %%
check("the setting chosen", float(beta.split()[-1]), 16, tol=0)
for place, (mean, low) in enumerate(((0.636, 0.618), (-0.023, -0.035))):
    p = against["all"][place]
    check("all minus beta-VAE", p.mean, mean, tol=5e-4)
    check("    low end", p.low, low, tol=5e-4)
check("    SSIM, high end", against["all"][1].high, -0.011, tol=5e-4)
for variant in ("pose", "all, sigma 0.015"):
    p = against[variant][1]
    check(f"{variant}: 0 lies in the interval of SSIM", p.low < 0 < p.high, 1, tol=0)
two = [results.values(evidence, variant, "ssim_global") for variant in ("all", beta)]
check("seeds in which SSIM is lower", (two[0] < two[1]).sum(), 3, tol=0)
same = results.paired(evidence, "all", "supervised", "lds_all")
check("all minus supervised, LDS: 0 in it", same.low < 0 < same.high, 1, tol=0)

# %% [markdown]
# **C1**: *better than beta-VAE*, in part. **LDS yes, by far, in every seed; SSIM no, lower in every seed.** Both
# intervals are clear of 0. A black image has SSIM -0.02 and the mean image 0.63, so the loss of 0.023 is an eighth of
# what beta-VAE gains over the mean image: not much, and not nothing.
#
# What the price depends on: eight of ten latents are guided, and two are left to draw what eight numbers do not say.
# Told the pose alone, which is what the official file allows, the model cannot be told from beta-VAE in SSIM. Nor
# with a smaller $\sigma_x$, which favours pictures: SSIM 0.825, LDS 0.68. (beta-VAE was not run at that $\sigma_x$;
# it might gain, too.) A supervised encoder, which has nothing else to do, reaches the LDS of `all` and no more, and
# its pictures are not better.
#
# Now look at pictures: one number does not say what is lost. New cars, a blue one; the beta-VAE of the package has
# $\beta = 4$.


# %%
def told_so(model, z, **values):
    """Latents z with some factors set, in their own units."""
    z, scaling = z.copy(), model.factor_scaling
    for name, value in values.items():
        j = model.factors.index(name)
        z[:, j] = (value - float(scaling.offset[j])) / float(scaling.scale[j])
    return z


# %%
def strips(rows, width=0.85):
    """A figure of pictures in rows."""
    figure, axes = plt.subplots(len(rows), len(next(iter(rows.values()))), squeeze=False)
    figure.set_dpi(72)
    figure.set_size_inches(width * axes.shape[1] + 0.9, width * len(rows) + 0.1)
    for row, (label, pictures) in zip(axes, rows.items(), strict=True):
        for axis, picture in zip(row, pictures, strict=True):
            shade = np.round(picture.transpose(1, 2, 0) / 8) * 8 / 255  # smaller file
            axis.imshow(np.clip(shade, 0, 1), interpolation="nearest")
        row[0].set_ylabel(label, fontsize=8, rotation=0, ha="right", va="center")
    plt.setp(axes, xticks=[], yticks=[])
    figure.tight_layout(pad=0.2)


# %% mystnb={"image": {"alt": "A blue car turned through 360 degrees in eight steps. The true pictures are sharp. The Aux-VAE's are blurred but blue. As cosine and sine walk round the circle the car turns the right way, but is torn at 45 and 225 degrees. The beta-VAE's have a clearer outline, and are grey."}}
model, plain = pretrained.load("cars-auxvae"), pretrained.load("cars-betavae")
new = cars.identities(30, 1000)  # not among the cars that these models know
blue = new[new[:, 4].argmin()]
views = cars.render(np.tile(blue, (24, 1)), 18, cars.AZIMUTHS)
z, a = model.encode(views).mu.numpy(), np.radians(cars.AZIMUTHS)
turn = {"azimuth_cos": np.cos(a), "azimuth_sin": np.sin(a)}
walk = told_so(model, np.repeat(z[:1], 24, 0), **turn)
walked = model.decode(walk).numpy()
answers = {"true": views, "Aux-VAE\nencoded": model.decode(z).numpy()}
answers["Aux-VAE\nwalked"] = walked
answers["beta-VAE\nencoded"] = plain.decode(plain.encode(views).mu).numpy()
strips({label: pictures[::3] for label, pictures in answers.items()})
plt.show()

# %% [markdown]
# The third row is one encoding, of the first picture; only cosine and sine change. *Notice* that it turns the way the
# first row does: the true view that it is nearest to is never more than two steps of 15 degrees off. *Notice* the
# colour: the beta-VAE, with the better SSIM, has the outline and has lost the paint. The table's `line warmth` says
# the same: 0.996 for `all`, 0.14 for $\beta = 4$, with a wide spread over seeds.

# %% tags=["nbval-ignore-output"]
distance = ((walked[:, None] - views[None].astype(float)) ** 2).mean((2, 3, 4))
steps = (distance.argmin(1) - np.arange(24) + 12) % 24 - 12
hues = {}
for label, pictures in answers.items():
    hues[label] = float((pictures[:, 2] - pictures[:, 0].astype(float)).mean())
    print(f"{label!r:<20} blue minus red: {hues[label]:5.1f} grey levels")
print("walked: nearest true view, steps of 15 degrees off:", steps.tolist())

# %% tags=["nbval-ignore-output"]
mended = walk.copy()
mended[:, 8:] = z[:, 8:]  # each view's own free latents
answers["mended"] = model.decode(mended).numpy()
wide = views.astype(float)
torn = {k: np.sqrt(((v - wide) ** 2)[3::6].mean()) for k, v in answers.items()}
print("on the diagonals, rms error:", {k: round(float(v), 1) for k, v in torn.items()})

# %%
check("walked: largest step off", np.abs(steps).max(), 1, tol=1)
hue = {name.split()[0]: value / hues["true"] for name, value in hues.items()}
mending = torn["mended"] / torn["Aux-VAE\nwalked"]
check("mended over walked, rms error", mending, 0.64, tol=0.12)
check("blue that the beta-VAE keeps, share", hue["beta-VAE"], 0.1, tol=0.15)
check("blue that the Aux-VAE keeps, share", hue["Aux-VAE"], 0.95, tol=0.15)

# %% [markdown]
# *Notice*, last, that the walk tears the car on the diagonals, where the encoded row does not. The walk left the two
# free latents as they were at azimuth 0. Give it each view's own, as `mended` above, and the error on the diagonals
# falls from 33 grey levels to 21, next to the encoded row's 20. So the free latents know something of the direction
# that cosine and sine do not say. What?

# %% tags=["nbval-ignore-output"]
some = cars.Cars(10, 1000)
index = np.arange(len(some))
free, place = model.encode(some[index]).mu.numpy()[:, 8:], some.classes(index)
angle = np.radians(15 * place[:, 1])
waves = np.column_stack([f(k * angle) for k in (1, 2, 3) for f in (np.cos, np.sin)])
largest = np.abs(metrics.correlations(free, waves)).max()
view = place[:, 0] * 24 + place[:, 1]  # of 96
means = np.array([free[view == v].mean(0) for v in range(96)])
explained = means.var(0) / free.var(0)
diagonal = np.isin(place[:, 1] % 12, (3, 9))
ratio = free[diagonal].std(0) / free[place[:, 1] % 6 == 0].std(0)
print(f"largest |rho| with cos and sin of a, 2a, 3a: {largest:.2f}")
chance = 95 / (len(view) - 1)
print(f"variance that the view explains: {explained.round(2)}, chance {chance:.2f}")
print(f"spread on the diagonals over spread at 0, 90, 180, 270: {ratio.round(0)}")

# %%
check("largest correlation with a wave", largest, 0.06, tol=0.06)
check("variance that the view explains", explained.min(), 0.5, tol=0.15)
check("diagonal over straight, at least", min(ratio.min(), 5), 5, tol=0)

# %% [markdown]
# They correlate with no wave of the azimuth beyond chance, as training demands, and the view explains about half of
# their variance: they swing out on the diagonals, more than five times as far as elsewhere, to this side or that. *A
# penalty on correlations leaves everything else free*, as chapter 4 warned. So "all eight factors are guided" does
# not mean that the picture can be had from eight numbers.
#
# The body next: one factor from its lowest to its highest, all other latents as encoded, seen from azimuth 60.

# %% mystnb={"image": {"alt": "Four rows of five decoded pictures of the blue car. Length makes it longer, height taller, cabin moves the end of the roof to the rear, warmth turns blue into grey and then red. Outlines stay blurred."}}
start = np.repeat(z[4:5], 5, 0)
rows = {}
for name in ("length", "height", "cabin", "warmth"):
    low, high, _ = cars.PARAMETERS[name]
    moved = told_so(model, start, **{name: np.linspace(low, high, 5)})
    rows[f"{name}\n{low:g} to {high:g}"] = model.decode(moved).numpy()
strips(rows)
plt.show()

# %% [markdown]
# ## Your own cars, in a few lines
#
# Nobody has to make the two columns by hand. Name the period of an angle, and the package tells the model cosine and sine.
# What comes out is an angle again:

# %% tags=["nbval-ignore-output"]
drawn = FactorDataset(*cars.simulate(images, seed=seed))
cos, sin = drawn.columns(["azimuth_cos", "azimuth_sin"]).T
azimuth = np.degrees(np.arctan2(sin, cos)) % 360
table = {"elevation": drawn.columns(["elevation"])[:, 0], "azimuth": azimuth}
data = FactorDataset(drawn.images, table, periods={"azimuth": 360})
train, validation, test = data.split(seed=seed)
pixels = {"sigma": 0.05, "image_scaling": "minmax"}
config = Config(**pixels, epochs=epochs, batch_size=16, seed=seed)  # of chapter 14
fitted = training.fit(config, train, validation).model
scores, reference = training.evaluate(fitted, test)
for name in ("corr_elevation", "circular_azimuth"):
    print(f"{name:<17} {scores[name]:.2f}")
found = fitted.predict(test.images)["azimuth"]
print("predicted", found.value[:3].round(), "true", test.factors[:3, 1].round())
print(f"standard error {found.std:.0f} degrees")

# %%
check("elevation, after seconds", scores["corr_elevation"], 0.9, tol=0.1)
check("azimuth, after seconds", scores["circular_azimuth"], 0.67, tol=0.1)

# %% [markdown]
# Seconds are enough for the elevation and for a rough direction: the evidence has twelve times the images and 22 epochs.
# `circular_azimuth` is a correlation of angles
# ([Fisher and Lee 1983](https://doi.org/10.1093/biomet/70.2.327)): 1 if one angle is the other plus a constant, near 0
# for chance. The standard error comes from the validation rows. In the same way, words are a class:
# `{"shape": ["van", "saloon", ...]}` guides a latent for each label, `predict` gives labels with their probabilities,
# and `evaluate` scores the balanced accuracy. `traverse(image, "azimuth", [350, 0, 10])` turns a car past 0.
#
# ## Labels that are missing
#
# In a real catalogue some images do not tell some factors. Write NaN or None there. What should the loss be?
#
# *Not told* means that we only know the population. Let its scaled factor have mean $m$ and variance $\tau^2$. Averaged
# over the population, the prior of Eq. 3 has mean $m$ and variance $1/n + \tau^2$, and we take the normal distribution
# with these two:
#
# $$
# p(z) = \mathcal N\bigl(m,\; \tfrac1n + \tau^2\bigr). \tag{12.9}
# $$
#
# It is exact for a normal population. For a uniform one it costs at most 0.18 nats a latent.
#
# With that, the bound of chapter 5 holds for every image. But if one image in ten tells its factors, the pull towards the
# labels is ten times weaker than before, beside an unchanged pull of all images towards good pictures. So weigh it. Let
# a share $s$ of the rows tell the factor, by chance. Then
#
# $$
# \sum_{\text{told}} \frac1s\, \mathrm{KL}_i \qquad\text{estimates}\qquad \sum_{\text{all}} \mathrm{KL}_i \tag{12.10}
# $$
#
# without bias, because each row is in the left sum with probability $s$. A KL that weighs 100 in one row of a hundred is a
# noisy estimate, though, and the correlations of a batch need at least 32 rows that tell. So the package also draws
# the rows that tell a factor *more often*, until half of each batch tells it (`Config.told_share`). Then the weight is 2.
#
# Here are galaxies of which 1,147 or 115 of 11,468 tell their factors, three seeds each. "Dropped" means that the other
# images were left out:

# %%
untold = results.load("galaxies-untold")
columns = {"corr_flux": "flux", "corr_g1": "g1", "corr_psf": "psf"}
columns |= {"ssim_image": "SSIM", "lds_ranks_normalised": "LDS of ranks"}
ways = {
    "kept": "kept, drawn more often",
    "kept, not drawn more often": "kept, weighed",
    "kept, plain": "kept, plain",
    "dropped": "dropped",
    "dropped, variance 1/11468": "dropped, 1/11468",
    "kept, each factor in rows of its own": "kept, rows apart",
}
rows = {"all told": "all told"}
rows |= {f"{s}, {way}": f"{s}: {w}" for s in ("0.1", "0.01") for way, w in ways.items()}
print(results.summary(untold, columns, rows))

# %% [markdown]
# *Notice* four things.
#
# - *Plain is not enough.* With untold rows in the loss as they are, one label in a hundred gives flux a correlation of
#   0.925, and `psf` is lost at both shares.
# - *The weight alone is not enough for `psf`*, which images hardly tell. With one label in ten it is lost in one seed of
#   three, and with one in a hundred in all three. Drawn more often, it reaches 0.81 and 0.50; with all labels it has 0.84.
# - *Dropping the other images is nearly as good, if the prior keeps its width.* After `data.rows(told)`, the default
#   width is $1/n$ of the rows that are left, which is too wide: `psf` falls to 0.76 and 0.11. Say
#   `Config(prior_variance=1 / len(data))` with all rows counted, and it is 0.79 and 0.48. So drop the rows that tell nothing
#   when you want the simplest run. Keep them when different rows tell different factors.
# - *Where each factor is told by rows of its own*, the last line of each share, little is lost with one in ten. With one in
#   a hundred the five sets of 115 rows would each have to fill half of a batch, which cannot be, and flux falls to 0.86.

# %% tags=["guard", "remove-cell"]
for variant, score, expected in (
    ("0.01, kept, plain", "corr_flux", 0.925),
    ("0.1, kept", "corr_psf", 0.807),
    ("0.01, kept", "corr_psf", 0.497),
    ("0.01, kept", "corr_flux", 0.992),
    ("all told", "corr_psf", 0.841),
    ("0.1, dropped", "corr_psf", 0.764),
    ("0.01, dropped", "corr_psf", 0.107),
    ("0.1, dropped, variance 1/11468", "corr_psf", 0.787),
    ("0.01, dropped, variance 1/11468", "corr_psf", 0.480),
    ("0.01, kept, each factor in rows of its own", "corr_flux", 0.857),
):
    value = results.values(untold, variant, score).mean()
    check(f"{variant}: {score}", value, expected, tol=0.001)
for share, lost in (("0.1", 1), ("0.01", 3)):
    found = results.values(untold, f"{share}, kept, not drawn more often", "corr_psf")
    check(f"{share}, weighed: seeds that lose psf", np.sum(found < 0.2), lost, tol=0)
    plain = results.values(untold, f"{share}, kept, plain", "corr_psf")
    check(f"{share}, plain: largest psf", max(plain.max(), 0.15), 0.15, tol=0)

# %% [markdown]
# ## Labels with errors
#
# A label $y = u + e$ may have a known standard error $s$. Say so with `factor_std`. What should it change?
#
# A first idea is a prior as wide as the error. With $b = \tau^2/(\tau^2 + s^2)$, the factor behind a label has the mean
# $m + b\,(y - m)$ and the variance $\tau^2 (1 - b)$, so that
#
# $$
# p(z \mid y) = \mathcal N\bigl(m + b\,(y - m),\; \tfrac1n + \tau^2 (1 - b)\bigr). \tag{12.11}
# $$
#
# This is correct, and it fails. A wide prior holds a latent loosely, and the decoder's wishes, thousands of nats, move it
# away from its factor (chapter 10 saw the same with wide priors and exact labels).
#
# The second idea keeps the width $1/n$ and asks what the mean of the posterior becomes. The encoder sees the image and not
# the error, so it learns the mean of $y$ given the image. Errors that are independent of the pixels average out, so that is
# the mean of $u$. *Noisy labels need no other prior.* They need weights, because a label with a small error tells more.
# The best weights of a mean are one over the variance: here $s^2$, plus what the image itself leaves open, which we set
# to $(0.3\,\tau)^2$ for all factors. With $w = 0.09\,\tau^2 / (0.09\,\tau^2 + s^2)$, the KL of a guided latent is
#
# $$
# \frac{w}{\bar w}\, \mathrm{KL}\bigl(q \,\|\, \mathcal N(y, \tfrac1n)\bigr)
# + (1 - w)\, \mathrm{KL}\bigl(q \,\|\, \mathcal N(m, \tfrac1n + \tau^2)\bigr), \tag{12.12}
# $$
#
# with $\bar w$ the mean weight of all rows. It contains what we had: exact labels have $w = 1$, missing ones $w = 0$, and
# $\bar w$ is the share $s$ of (12.10).
#
# Galaxies again. Each factor gets noise of half its standard deviation, either the same for all rows or of a size of its own
# for each value. All correlations are with the *true* factors, and `error` is the root mean square of prediction less truth,
# in standard deviations of the factor:

# %%
noisy = results.load("galaxies-noisy")
columns = {"error_flux": "flux: error", "error_g1": "g1: error"}
columns |= {"error_psf": "psf: error", "slope_g1": "g1: slope", "corr_psf": "psf: corr"}
print(results.summary(noisy, columns))

# %% [markdown]
# *Notice* three things.
#
# - *Equal errors change nothing*, said or not. With 11,468 labels the noise of half a standard deviation averages out:
#   flux is read to within 0.07 of its spread.
# - *Unequal errors should be said.* The error of the prediction then falls by 7 to 11 per cent for flux, radius and shear, in
#   each of the three seeds. For `psf`, which the image itself hardly tells, it changes by less than 1 per cent. (For most
#   factors taken alone the interval of the mean difference still includes 0.)
# - *The wide prior fails.* The slope of g1 is 2 and not 1, `psf` is lost, and seeds differ by more than they should.
#
# There is one more gain. `predict` states its error from validation labels. If nobody says that these are noisy, it takes
# their noise for its own and claims 0.50 where 0.06 is true. If it is said, it claims 0.10: the noise of the labels is
# taken off, and what is left cannot be told from 0 with so few validation rows.
#
# How two numbers were settled: on prototypes of seed 0, which is one of the three seeds. That half of a batch tells each
# factor was seen to work on galaxies apart from these. The 0.3 was 0.1 at first. It was changed after `psf` had come out
# worse on the test galaxies. The other two seeds had no part in either.
#
# Two assumptions stand behind all this. Factors are missing by chance, whatever the image shows. And errors are
# independent of the pixels, once the factor is given: a label that was measured *from this image* breaks that.

# %% tags=["guard", "remove-cell"]
for score, before, after in (
    ("error_flux", 0.060, 0.055),
    ("error_radius", 0.058, 0.054),
    ("error_g1", 0.042, 0.037),
    ("error_g2", 0.041, 0.037),
    ("error_psf", 0.568, 0.565),
    ("claimed_flux", 0.50, 0.10),
):
    for variant, expected in (("not said", before), ("said", after)):
        value = results.values(noisy, f"unequal errors, {variant}", score).mean()
        check(f"unequal errors, {variant}: {score}", value, expected, tol=0.002)
for said in ("said", "not said"):
    value = results.values(noisy, f"equal errors, {said}", "error_flux").mean()
    check(f"equal errors, {said}: flux", value, 0.066, tol=0.001)
slope = results.values(noisy, "equal errors, said, wide prior", "slope_g1").mean()
check("wide prior: slope of g1", slope, 2.02, tol=0.01)

# %% [markdown]
# ## Nothing set by hand
#
# Does all this carry over to other images? Before you train, `describe` looks at the data: for codes that stand for
# "unknown", for offsets and units that hide the image from the loss, for rare labels, for factors that say the same, for
# images that occur twice. It also suggests a `Config`:

# %%
report = describe(train)
print(report)

# %% [markdown]
# Five unlike sets were each trained with `report.suggest_config()` and nothing else: galaxies in counts; the same galaxies
# times $10^{-9}$; sprites; these cars; and drawn comets in three bands, of which one is 50 times fainter than another, with
# the sky subtracted and a class among the factors. Which factors were asked of each was written down before the first run
# (`unlike.WANTED`). Here is the factor that is told worst, by its correlation, circular correlation or balanced accuracy on
# test rows, the least of three seeds:

# %%
result = results.load("unlike")
worst = {}
for name, runs in results.by_variant(result).items():
    found = [unlike.worst(name, run["scores"]) for run in runs]
    factor, worst[name] = min(found, key=lambda pair: pair[1])
    asked = len(unlike.WANTED[name])
    print(f"{name:<11}{asked} factors, worst {factor:<8} {worst[name]:.3f}")

# %% [markdown]
# Four sets pass 0.95 in every seed. *Sprites do not.* Their shape is told at 0.93 in two seeds of three, and at 0.999 in
# the third; their scale, 0.95, is only just told in the same two. With 5,734 sprites and no noise, some seeds end in a
# worse place than others. So a suggestion is a start. Look at the scores on your validation rows before you believe it.

# %% tags=["guard", "remove-cell"]
check("sets whose worst is below 0.95", sum(v < 0.95 for v in worst.values()), 1, tol=0)
shape = results.values(result, "sprites", "accuracy_shape")
check("sprites: shape, least", shape.min(), 0.932, tol=0.001)
check("sprites: seeds below 0.95", np.sum(shape < 0.95), 2, tol=0)
check("sprites: shape, best", shape.max(), 0.999, tol=0.001)
scale = results.values(result, "sprites", "corr_scale")
check("sprites: scale, least", scale.min(), 0.953, tol=0.001)

# %% [markdown]
# ## Break it on purpose
#
# Two numbers for one angle leave room for numbers that are no angle. Walk from azimuth 0 to azimuth 180 *straight
# through the middle* of the circle, where cosine and sine are both 0, instead of round it:

# %% mystnb={"image": {"alt": "Two rows of seven. Round the circle the car turns from front to right side to rear. Straight through the middle it keeps the upright outline of the front, with grey ghosts of the two sides that are strongest at the centre, and comes out as the rear."}}
straight = np.linspace(1, -1, 7)
half = np.radians(np.linspace(0, 180, 7))
start = np.repeat(z[:1], 7, 0)
circle = told_so(model, start, azimuth_cos=np.cos(half), azimuth_sin=np.sin(half))
through = told_so(model, start, azimuth_cos=straight, azimuth_sin=0)
middle = model.decode(through).numpy()[3]
rows = {"round": model.decode(circle).numpy(), "straight": model.decode(through).numpy()}
strips(rows)
plt.show()

# %%
to_views = np.sqrt(((views - middle) ** 2).mean((1, 2, 3))).min()
to_mean = np.sqrt(((views.mean(0) - middle) ** 2).mean())
ratio = to_views / to_mean
check("the middle: nearest view over mean of all views, distance", ratio, 1.6, tol=0.25)

# %% [markdown]
# There is no car in the middle, but the front with a ghost of either side. What the decoder draws there is nearer to
# the mean of all 24 views than to any of them: it was never asked before. *The radius is a free diagnosis*: an
# encoded pair far from length 1 says that the encoder does not know the direction. An angle gives no such sign. Its
# broken place looks like any other angle: the mean of 345 and 15 degrees is 180, a perfectly good number for a car
# seen from behind.
#
# ## What this does not tell you
#
# - *Cars3D.* The official cars have textures, real shapes and perspective, and no parameters. Nothing here was
#   measured on them.
# - *That the angle is harmless.* SSIM and $|\rho|$ do not see the sliver, on a grid least of all. A task that
#   averages azimuths or follows a car past 0 will.
# - *Why SSIM falls under guidance.* Eight guided latents, the penalties, and $\sigma_x$ come together. We varied two
#   of the three, one at a time.
# - *Labels that are missing for a reason.* Ours were hidden by chance. Where faint galaxies have no label, no weight here
#   makes up for it.
# - *Whether a longer training would close the gap.* All variants had 22 epochs.
# - *Small differences.* Three seeds.
#
# ## Exercises
#
# ### Exercise 12.1 (pen, 5 minutes)
#
# Statisticians drop one column of a one-hot code, since the others tell it. With $N$ equally frequent cars and the $N
# - 1$ columns that are left, what LDS has a perfect code?


# %% tags=["solution"]
def dropped_ceiling(N):
    """LDS of a perfect code of N - 1 of N one-hot columns, without other latents."""
    return (N - 1) / (2 * N - 3)


# %%
for N in (3, 6, 50):
    hot = np.tile(np.eye(N)[:, 1:], (20, 1))
    check(f"{N} cars", dropped_ceiling(N), metrics.lds(hot, hot).value, tol=1e-9)

# %% [markdown]
# <details><summary>Why</summary>
#
# Each column has $N - 2$ others, still at $-1/(N-1)$: $1/(1 + \frac{N-2}{N-1}) = \frac{N-1}{2N-3}$. A little above a
# half, and towards a half for many cars. Dropping a column does not make the rest independent.
#
# </details>
#
# ### Exercise 12.2 (code, 10 minutes)
#
# Write the mean of several azimuths (degrees) so that 345 and 15 average to 0, and return with it how much they
# agree: the length of the mean of their pairs, 1 if all are equal.


# %% tags=["solution"]
def mean_azimuth(azimuths):
    """Mean direction in degrees from 0 to 360, and the length of the mean pair."""
    mean = np.exp(1j * np.radians(azimuths)).mean()
    return float(np.degrees(np.angle(mean)) % 360), float(abs(mean))


# %%
found, length = mean_azimuth([345, 15])
check("345 and 15: distance from 0", (found + 180) % 360 - 180, 0, tol=1e-6)
check("    length", length, math.cos(math.radians(15)), tol=1e-9)
check("300 and 320", mean_azimuth([300, 320])[0], 310, tol=1e-6)
check("0, 90, 180, 270: length", mean_azimuth([0, 90, 180, 270])[1], 0, tol=1e-9)

# %% [markdown]
# <details><summary>Why</summary>
#
# Average the pairs and ask for the direction. Where the pairs cancel there is no mean direction, and the length says
# so; the mean of the numbers 0, 90, 180 and 270 would have been 135, without a word.
#
# </details>
#
# ### Exercise 12.3 (think, 10 minutes)
#
# A camera sees cars only from some azimuths. When is a single angle good enough, and from where should it be counted?
# Return the middle of the widest gap in the azimuths and the gap's width.


# %% tags=["solution"]
def best_cut(azimuths):
    """Middle of the widest gap, degrees from 0 to 360, and its width."""
    a = np.sort(np.mod(azimuths, 360))
    gaps = np.diff(a, append=a[0] + 360)
    place = gaps.argmax()
    return float((a[place] + gaps[place] / 2) % 360), float(gaps[place])


# %%
cut, width = best_cut([300, 330, 0, 30, 60])
check("seen from the front only: cut", cut, 180, tol=1e-9)
check("    gap", width, 240, tol=1e-9)
check("the whole grid: gap", best_cut(cars.AZIMUTHS)[1], 15, tol=1e-9)

# %% [markdown]
# <details><summary>Why</summary>
#
# Where no picture is taken, the code may fall without being seen. With a gap of 240 degrees, count from its middle,
# and the angle is an honest number. On the whole grid the widest gap is one step: there is no good place, and the
# fall has to happen between two neighbours.
#
# </details>
#
# ## Quiz
#
# **1.** The latent of a model told the angle has $|\rho| = 0.99$ with it. What goes wrong, and where would you look?
#
# <details><summary>Answer</summary>
#
# Within a few degrees of the jump the code runs through all other angles. Look at views just before and after 0, at a
# finer step than the training grid, and at whether a line reads the cosine.
#
# </details>
#
# **2.** A perfect one-hot code for 1,000 cars has an LDS of about a half. Is the code bad?
#
# <details><summary>Answer</summary>
#
# No, it is perfect. The columns are correlated by $-1/999$ each, 999 of them, and the sum is 1 whatever $N$. Compare
# with the ceiling of the same columns.
#
# </details>
#
# **3.** A fleet of 20 cars, a million pictures. Why does the ceiling of LDS for body parameters stay low, and what
# helps?
#
# <details><summary>Answer</summary>
#
# Chance correlations between parameters come from 20 cars: about $\sqrt{2/(20\pi)} = 0.18$ each. More pictures repeat
# the same cars. More cars help, or a design in which the parameters do not correlate.
#
# </details>
#
# ## Take-aways
#
# - One number for a direction must jump or confuse opposite views; the cost is a sliver $w/360$ that averages do not
#   see.
# - Cosine and sine for a circle; parameters, where there are any, for a name: they alone say something about a new
#   car.
# - A label that is not told gives its image the population's prior. Weigh the labels that are there, and draw them more
#   often. Say the errors of labels where they differ.
# - One-hot columns hold a perfect LDS at a half, few cars hold it down, pictures do not help: read LDS beside its
#   ceiling.
# - C1, on our cars: LDS far above beta-VAE's, SSIM a little below; and the package's beta-VAE, better in SSIM, lost
#   the paint.
#
# ## Further reading
#
# - [Reed et al. 2015](https://papers.nips.cc/paper/2015/hash/e07413354875be01a996dc560274708e-Abstract.html), *Deep
#   Visual Analogy-Making*, where Cars3D comes from.
# - [Zhou et al. 2019](https://arxiv.org/abs/1812.07035) on continuous codes of rotations, in two dimensions and
#   three.
# - [Falorsi et al. 2018](https://arxiv.org/abs/1807.04689), a VAE whose latents are rotations themselves.
#
# <details class="instructor"><summary>For the teacher</summary>
#
# *Wrong answers to expect.* That more training removes the jump; that min-max scaling makes 345 and 0 neighbours;
# that an LDS of 0.45 is bad whatever the columns; that the higher SSIM is the better picture. *Where to pause.* At
# (12.3): let the class look for a code without a jump before the proof. Before the blue car: ask which model will
# win. *What to cut.* With 45 minutes, skip the one-hot table and the last training, and set 12.1 as homework.
#
# </details>
