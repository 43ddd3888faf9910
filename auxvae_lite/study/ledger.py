"""The paper's claims beside our numbers, each with a verdict by a rule that stands beside it.

Nothing here is typed but the claims, the paper's figures and the rules' thresholds: numbers and verdicts come from the
committed result files, so whoever disagrees with a rule can change it and see what follows. `ledger()` gives the
rows, `against_code()` what each choice of the authors' code changes.
"""

import math
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from .. import sensitivity
from . import results

__all__ = [
    "VERDICTS",
    "Difference",
    "Part",
    "Row",
    "against_code",
    "combined",
    "direction",
    "figure",
    "html",
    "html_against",
    "ledger",
    "next_run",
    "share",
]

VERDICTS = ("reproduced", "in part", "not reproduced", "cannot be told", "not yet run")
FEWEST = 3  # seeds, below which nothing is said
ROUNDING = 0.005  # the paper's figures have two decimals
SHARP = 0.1  # of the way from the noiseless truth to the mean image: a sharp fall of SSIM
NEGLIGIBLE = 0.1  # of what the others cost
CLEAR = 2  # times what a latent may do to any other property
AGREES = 0.7  # rank correlation of two scores that agree
MOST = 0.9  # of the cases

BASE, AUTHORS, DIFFERENCES = "galaxies-baselines", "galaxies-authors", "galaxies-differences"
METHODS = {  # settings of each method in BASE; `results.chosen` takes one
    "Aux-VAE": ("auxvae, lambda_2 0.3", "auxvae, lambda_2 0.6", "auxvae, lambda_2 1.2"),
    "beta-VAE": ("vae", "beta-vae, beta 4", "beta-vae, beta 16"),
    "IDVAE": ("idvae, beta 1", "idvae, beta 4", "idvae, beta 16"),
}
LATENTS = {"flux": "flux", "radius": "size", "g1": "g1", "g2": "g2"}  # factor: the property that it should move


class Part(NamedTuple):
    """One thing that a claim says: what it is, our numbers, the rule as a sentence, the rule's verdict."""

    claim: str
    numbers: str
    rule: str
    verdict: str


class Row(NamedTuple):
    """A claim: `paper` and `ours` are figures as text, `minutes` those of one process, `command` remakes its files."""

    id: str
    claim: str
    paper: str
    ours: str
    n: str
    floor: str
    ceiling: str
    verdict: str
    parts: tuple
    why: str
    chapter: int
    command: str
    minutes: float
    machine: str


class Difference(NamedTuple):
    """A choice of the authors' code: its number in their list, ours, theirs, and by score what theirs changes.

    `effects` holds for each score the differences, theirs minus ours, one for each seed; it is empty where there is
    nothing to measure, and None where the file is missing.
    """

    number: str
    ours: str
    theirs: str
    effects: dict | None


def next_run(values):
    r"""Mean of a few runs, with the 95 % interval of one more run.

    .. math:: \bar x \pm t_{n-1,\,0.975}\; s \sqrt{1 + 1/n}

    Arguments:
        values: One number for each seed, at least two; believed to be normal.

    Returns:
        `results.Paired`, whose p is the mean's.

    Example:
        >>> found = next_run([0.5, 0.6, 0.7])
        >>> round(found.low, 4), round(found.high, 4)
        (0.1032, 1.0968)

    References:
        Derived in chapter 13.
    """
    mean = results.interval(values)
    reach = (mean.high - mean.mean) * math.sqrt(mean.n + 1)
    return mean._replace(low=mean.mean - reach, high=mean.mean + reach)


def figure(values, claimed, side="equal", known_nothing=None, rounding=ROUNDING):
    """Whether a published figure could be one more of our runs.

    Arguments:
        values: Our runs' scores, one for each seed.
        claimed: The paper's figure.
        side: "equal"; or "at least" or "at most": a run beyond the figure will do.
        known_nothing: Score of an answer that knows nothing, or None. A spread that
            reaches from it to the figure shows nothing.
        rounding: Half a unit of the figure's last digit.

    Returns:
        "reproduced", "not reproduced" or "cannot be told".

    Example:
        >>> figure([0.93, 0.94, 0.96], claimed=0.94, known_nothing=0.24)
        'reproduced'
    """
    if len(values) < FEWEST:
        return "cannot be told"
    run = next_run(values)
    above, below = run.high >= claimed - rounding, run.low <= claimed + rounding
    if not {"equal": above and below, "at least": above, "at most": below}[side]:
        return "not reproduced"
    if known_nothing is not None and run.low <= known_nothing <= run.high:
        return "cannot be told"
    return "reproduced"


def direction(difference, margin=0.0):
    """Whether a difference, paired by seed, lies on the side that was claimed.

    Arguments:
        difference: `results.Paired`, in the claimed direction.
        margin: What it has to exceed.

    Returns:
        "reproduced" if the 95 % interval lies above the margin, "not reproduced" if it
        lies below or ends there, and "cannot be told" if the margin is inside it or there
        are fewer than 3 seeds.

    Example:
        >>> found = results.interval([0.5, 0.6, 0.7])
        >>> direction(found), direction(found, margin=0.4)
        ('reproduced', 'cannot be told')
    """
    if difference.n < FEWEST:
        return "cannot be told"
    if difference.low > margin:
        return "reproduced"
    return "not reproduced" if difference.high <= margin else "cannot be told"


def share(count, total):
    """Whether something holds in most cases: "reproduced" from 9 in 10 on, "not reproduced" up to 1 in 10.

    Example:
        >>> share(13, 26)
        'in part'
    """
    if total < 1:
        return "cannot be told"
    if count / total >= MOST:
        return "reproduced"
    return "not reproduced" if count / total <= 1 - MOST + 1e-9 else "in part"


def combined(verdicts):
    """A claim's verdict from those of its parts.

    Returns:
        Theirs if all agree; "in part" if some of it holds; "not reproduced" otherwise.

    Example:
        >>> combined(["reproduced", "cannot be told"])
        'in part'
        >>> combined(["not reproduced", "cannot be told"])
        'not reproduced'
    """
    found = set(verdicts)
    if len(found) == 1:
        return found.pop()
    if "not yet run" in found:
        return "not yet run"
    return "in part" if found & {"reproduced", "in part"} else "not reproduced"


def _spread(values, digits=3):
    return f"{np.mean(values):.{digits}f} ±{np.std(values, ddof=1):.{digits}f}"


def _between(found, digits, sign="+"):
    return f"{found.mean:{sign}.{digits}f} ({found.low:{sign}.{digits}f} to {found.high:{sign}.{digits}f})"


def _figure(claim, values, claimed, side="equal", known_nothing=None, digits=3):
    run = next_run(values)
    words = {"equal": "holds {}", "at least": "reaches {} or lies above it", "at most": "reaches {} or lies below it"}
    rule = f"the 95 % interval of one more run {words[side].format(claimed)}"
    if known_nothing is not None:
        rule += f"; cannot be told if {known_nothing:.{digits}f}, which takes no knowledge, is in it, too"
    numbers = f"{_spread(values, digits)}; one more run {run.low:.{digits}f} to {run.high:.{digits}f}"
    return Part(claim, numbers, rule, figure(values, claimed, side, known_nothing))


def _direction(claim, found, margin=0.0, digits=3, sign="+"):
    bar = f"{margin:.{digits if margin else 0}f}"
    rule = f"the 95 % interval, paired by seed, lies above {bar}; cannot be told if {bar} is in it"
    return Part(claim, _between(found, digits, sign), rule, direction(found, margin))


def _share(claim, count, total):
    rule = f"so in at least {MOST:.0%}; in part above {1 - MOST:.0%}"
    return Part(claim, f"{count} of {total}", rule, share(count, total))


def _reference(result, variant, score, name):
    return float(np.mean([run["reference"][score][name] for run in results.by_variant(result)[variant]]))


def _methods(base):
    return {method: results.chosen(base, variants) for method, variants in METHODS.items()}


def _matrices(base, variant):
    """`move_j_NAME` of each seed: array of shape (seeds, 10 latents, 5 properties)."""
    names = sensitivity.MOMENTS
    rows = [[results.values(base, variant, f"move_{j}_{name}") for name in names] for j in range(10)]
    return np.array(rows).transpose(2, 0, 1)


def _own_d(tables, guided):
    """D of the latents that belong to a factor, by seed: the guided ones, or four that together move most."""
    own = [slice(len(LATENTS) + 1) if guided else linear_sum_assignment(-table[:, :4].T)[1] for table in tables]
    found = [sensitivity.separation(table[rows], len(table)) for table, rows in zip(tables, own, strict=True)]
    return np.array([parted.disentanglement for parted in found])


def _g1(base):
    aux = _methods(base)["Aux-VAE"]
    whole, own = (results.values(base, aux, name) for name in ("ssim_global", "ssim_image"))
    black, mean, truth = (
        [_reference(base, aux, name, row) for name in ("ssim_global", "ssim_image")]
        for row in ("black", "mean", "truth")
    )
    return {
        "ours": f"{_spread(whole, 4)}; each image's own range {_spread(own, 4)}",
        "floor": f"black image {black[0]:.3f}; {black[1]:.3f}",
        "ceiling": f"noiseless truth {truth[0]:.4f}; {truth[1]:.4f}",
        "parts": [
            _figure("SSIM, range of the whole set (the paper's)", whole, 0.96, "at least", mean[0], 4),
            _figure("SSIM, range of each image", own, 0.96, "at least", mean[1], 4),
        ],
        "why": f"With the range of the whole set a black image has {black[0]:.3f} and the mean image {mean[0]:.3f}, "
        f"close below the figure; with each image's own range they have {black[1]:.3f} and {mean[1]:.3f}, and ours is "
        f"{truth[1] - own.mean():.4f} below the noiseless truth.",
    }


def _g2(base):
    aux = _methods(base)["Aux-VAE"]
    every, theirs = (results.values(base, aux, name) for name in ("lds", "lds_authors"))
    floor, ceiling = (_reference(base, aux, "lds", row) for row in ("floor", "ceiling"))
    normalised, ranks, labels = (
        results.values(base, variant, name).mean()
        for variant, name in (
            (aux, "lds_normalised"),
            (aux, "lds_ranks_normalised"),
            ("supervised", "lds_normalised"),
        )
    )
    return {
        "ours": f"{_spread(every)}; as the script computes it {_spread(theirs)}",
        "floor": f"{floor:.3f}",
        "ceiling": f"{ceiling:.3f}",
        "parts": [
            _figure("LDS of all five factors, unseen galaxies", every, 0.94, "at least", floor),
            _figure("LDS of three factors, training rows, sampled codes", theirs, 0.94, "at least", floor),
        ],
        "why": f"Our best seeds have {every.max():.3f} and {theirs.max():.3f}; a perfect code is expected at "
        f"{ceiling:.3f}, codes that know nothing at {floor:.3f}. What it is worth: normalised, ours is "
        f"{normalised:.2f}; the LDS of ranks, which no outlier can help, is {ranks:.2f}; and an encoder that is "
        f"trained to predict the factors, and nothing else, has {labels:.2f}.",
    }


def _g3(base):
    names = _methods(base)
    aux, beta = names["Aux-VAE"], names["beta-VAE"]
    ssim, lds = (results.values(base, beta, name) for name in ("ssim_global", "lds"))
    floor, ceiling = (_reference(base, beta, "lds", row) for row in ("floor", "ceiling"))
    every = [[results.values(base, v, name).mean() for v in METHODS["beta-VAE"]] for name in ("ssim_global", "lds")]
    more = {score: results.paired(base, aux, beta, score) for score in ("ssim_image", "lds_normalised")}
    return {
        "ours": f"SSIM {_spread(ssim, 4)}; LDS {_spread(lds)}",
        "floor": f"SSIM {_reference(base, beta, 'ssim_global', 'black'):.3f}; LDS {floor:.3f}",
        "ceiling": f"SSIM {_reference(base, beta, 'ssim_global', 'truth'):.4f}; LDS {ceiling:.3f}",
        "parts": [
            _figure("beta-VAE has SSIM 0.89 (range of the whole set)", ssim, 0.89, digits=4),
            _figure("beta-VAE has LDS 0.48", lds, 0.48),
            _direction("Aux-VAE's normalised LDS above beta-VAE's", more["lds_normalised"]),
            _direction("Aux-VAE's SSIM (range of each image) above beta-VAE's", more["ssim_image"], digits=4),
        ],
        "why": f"Chosen on validation rows: {beta}. Over {'; '.join(METHODS['beta-VAE'])} mean SSIM is "
        f"{min(every[0]):.4f} to {max(every[0]):.4f} and mean LDS {min(every[1]):.2f} to {max(every[1]):.2f}; codes "
        f"that know nothing have {floor:.2f}.",
    }


def _g4(base):
    names = _methods(base)
    aux, other = names["Aux-VAE"], names["IDVAE"]
    both = {name: [results.values(base, v, name) for v in (aux, other)] for name in ("ssim_image", "lds")}
    more = {score: results.paired(base, aux, other, score) for score in ("ssim_image", "lds_normalised")}
    return {
        "ours": "; ".join(
            f"{label} {_spread(both[name][0], digits)} against {_spread(both[name][1], digits)}"
            for label, name, digits in (("SSIM", "ssim_image", 4), ("LDS", "lds", 3))
        ),
        "floor": f"LDS {_reference(base, other, 'lds', 'floor'):.3f}",
        "ceiling": f"SSIM {_reference(base, other, 'ssim_image', 'truth'):.4f}; "
        f"LDS {_reference(base, other, 'lds', 'ceiling'):.3f}",
        "parts": [
            _direction("Aux-VAE's SSIM (range of each image) above IDVAE's", more["ssim_image"], digits=4),
            _direction("Aux-VAE's normalised LDS above IDVAE's", more["lds_normalised"]),
        ],
        "why": f"Chosen on validation rows: {aux}; {other}. IDVAE learns its prior p(z|u), so nothing asks a latent to "
        "be a factor. It is written after its own paper and code; the authors' settings of it are not known.",
    }


def _t1(base):
    names = _methods(base)
    aux, beta = names["Aux-VAE"], names["beta-VAE"]
    moved = _matrices(base, aux)
    four, square = np.arange(4), moved[:, :4, :4]
    own = square[:, four, four]
    ratios = (own / np.where(np.eye(4, dtype=bool), 0, square).max(2)).min(1)
    core = moved[:, 4, 4] / moved[:, 4, :4].max(1)
    free = np.max([results.values(base, aux, f"move_{j}_flux") for j in range(5, 10)], axis=0)
    return {
        "ours": f"a latent moves its own property {_spread(ratios, 1)} times as much as any other (least of four)",
        "floor": "1",
        "ceiling": "the simulator's own, chapter 8",
        "parts": [
            _direction(
                "flux, radius, g1, g2: what its latent moves, over the most that it moves of another; the least",
                results.interval(ratios),
                CLEAR,
                2,
                "",
            ),
            _direction("psf: the same for the core", results.interval(core), 1, 2, ""),
            _direction(
                "D of own rows: Aux-VAE's five guided latents above beta-VAE's four that move most",
                results.interval(_own_d(moved, True) - _own_d(_matrices(base, beta), False)),
            ),
        ],
        "why": "Properties are measured on decoded pictures, in sd over the data. The first four latents move their "
        f"own by {own.mean():.2f} on average, psf the core by {moved[:, 4, 4].mean():.2f}. The free latents are not "
        f"idle: the strongest moves flux by {np.median(free):.2f} in the median seed, {free.max():.2f} in one, which "
        "outweighs all else in that seed's D of all rows: so D is of own rows.",
    }


def _drops(coverage):
    cases = [f"case {number}" for number in (1, 2, 3)]
    return {
        (case, group, how): results.values(coverage, case, f"drop_{group}_{how}")
        for case in cases
        for group in ("aux", "recon")
        for how in ("noise", "shuffle")
    }


def _s1(coverage):
    cost = {key[1:]: values for key, values in _drops(coverage).items() if key[0] == "case 1"}
    parts = []
    for how in ("noise", "shuffle"):
        aux, recon = cost["aux", how], cost["recon", how]
        parts += [
            _direction(f"{how}: z_aux costs more than z_recon", results.interval(aux - recon)),
            _direction(
                f"{how}: z_recon costs less than a tenth of what z_aux does",
                results.interval(NEGLIGIBLE * aux - recon),
                digits=4,
            ),
        ]
    return {
        "ours": "fall of SSIM, noise: "
        + ", ".join(f"z_{group} {_spread(cost[group, 'noise'])}" for group in ("aux", "recon")),
        "floor": "0",
        "ceiling": f"{_drop_to_mean(coverage):.3f}, the mean image",
        "parts": parts,
        "why": f"Two latents at a time. Shuffled, that is, given other galaxies' values, z_aux costs "
        f"{cost['aux', 'shuffle'].mean():.3f} and z_recon {cost['recon', 'shuffle'].mean():.3f}. The five factors fix "
        "the picture but for its noise; chapter 9 asks what z_recon then holds.",
    }


def _fall_to_mean(result):
    """SSIM, range of each image, from the noiseless truth down to the mean image."""
    variant = result["runs"][0]["variant"]
    return _reference(result, variant, "ssim_image", "truth") - _reference(result, variant, "ssim_image", "mean")


def _drop_to_mean(result):
    """SSIM, range of each image, from the reconstructions down to the mean image: averages over all runs."""
    runs = result["runs"]
    return float(np.mean([run["scores"]["ssim_image"] - run["reference"]["ssim_image"]["mean"] for run in runs]))


def _s2(coverage):
    cost, parts = _drops(coverage), []
    for how in ("noise", "shuffle"):
        one, two, three = (cost[f"case {case}", "recon", how] for case in (1, 2, 3))
        parts += [
            _direction(f"{how}: z_recon costs more in Case 2 than in Case 1", results.interval(two - one)),
            _direction(f"{how}: and more in Case 3 than in Case 2", results.interval(three - two)),
            _direction(
                f"{how}: in Case 3 z_recon costs more than z_aux",
                results.interval(three - cost["case 3", "aux", how]),
            ),
        ]
    found = [_spread(cost[f"case {case}", "recon", "shuffle"]) for case in (1, 2, 3)]
    return {
        "ours": f"fall of SSIM, z_recon shuffled: {', '.join(found)} in Cases 1, 2, 3",
        "floor": "0",
        "ceiling": f"{_drop_to_mean(coverage):.3f}, the mean image",
        "parts": parts,
        "why": "Two latents at a time. In Case 3 two shuffled ones of z_recon cost "
        f"{cost['case 3', 'recon', 'shuffle'].mean():.3f}, two of z_aux "
        f"{cost['case 3', 'aux', 'shuffle'].mean():.3f}; with noise {cost['case 3', 'recon', 'noise'].mean():.3f} and "
        f"{cost['case 3', 'aux', 'noise'].mean():.3f}. Noise has a latent's sd, which in z_recon is its tails'.",
    }


def _h1(*grids):
    parts, ours = [], []
    for grid, scale in zip(grids, ("our scale of the loss", "their scale"), strict=True):
        cells = list(results.by_variant(grid))
        best = results.chosen(grid, cells)
        others = [cell for cell in cells if cell != best]
        behind = [results.paired(grid, cell, best, "product") for cell in others]
        rest = np.mean([results.values(grid, cell, "product") for cell in others], axis=0)
        gain = 1 - results.values(grid, best, "product") / rest
        axes = [{grid["config"]["variants"][cell][name] for cell in cells} for name in ("beta", "lambda_1", "lambda_2")]
        place = [grid["config"]["variants"][best][name] for name in ("beta", "lambda_1", "lambda_2")]
        inside = sum(min(axis) < value < max(axis) for axis, value in zip(axes, place, strict=True))
        parts += [
            _direction(f"{scale}: share by which it is below the others' mean", results.interval(gain), digits=2),
            _share(f"{scale}: other cells above it, interval without 0",
                   sum(found.low > 0 for found in behind), len(others)),
            _share(f"{scale}: parameters whose best value lies inside the grid", inside, len(axes)),
        ]  # fmt: skip
        ours.append(f"{best} ({scale})")
    return {
        "ours": "; ".join(ours),
        "floor": "",
        "ceiling": "",
        "parts": parts,
        "why": "The cell is chosen on validation rows and compared on others, without a correction for "
        f"{len(others)} comparisons. The first part asks whether choosing helps, the second whether the chosen cell "
        "differs from its rivals by more than seeds do, the third whether the grid goes on behind it.",
    }


def _f1(extremes):
    settings = ("lambda_1 = 100", "lambda_2 = 100", "variance 1e-08")
    sharp, parts = SHARP * _fall_to_mean(extremes), []
    for variant in settings:
        fallen = results.paired(extremes, "recipe", variant, "ssim_image")
        follows = results.paired(extremes, variant, "recipe", "best_psf")
        parts += [
            _direction(f"{variant}: SSIM falls a tenth of the way to the mean image", fallen, sharp, 4),
            _direction(f"{variant}: a latent follows psf more closely", follows),
        ]
    ssim = [results.values(extremes, variant, "ssim_image") for variant in ("recipe", *settings)]
    psf = [f"{results.values(extremes, variant, 'best_psf').mean():.3f}" for variant in ("recipe", *settings)]
    mean = _reference(extremes, "recipe", "ssim_image", "mean")
    return {
        "ours": f"SSIM {_spread(ssim[0], 4)}, then {', '.join(_spread(values, 4) for values in ssim[1:])}",
        "floor": f"mean image {mean:.3f}",
        "ceiling": f"{_reference(extremes, 'recipe', 'ssim_image', 'truth'):.4f}",
        "parts": parts,
        "why": f"Each is far beyond the recipe, and the lowest single SSIM is {np.min(ssim):.3f}, where the mean image "
        f"has {mean:.3f}: the encoder sees x alone, so it cannot leave x and follow u. The best "
        f"correlation with psf, {psf[0]} with the recipe, is {', '.join(psf[1:])}.",
    }


def _f2(extremes, factorial):
    with_it, without = (f"variance 1, lambda_1 {value:g}, lambda_2 0.4" for value in (0.5, 0.0))
    none = results.values(extremes, "lambda_1 = 0", "lds")
    theirs = results.values(factorial, without, "lds")
    return {
        "ours": f"LDS without lambda_1: {_spread(none)} with variance 1/n, {_spread(theirs)} with variance 1",
        "floor": f"{_reference(extremes, 'lambda_1 = 0', 'lds', 'floor'):.3f}",
        "ceiling": f"{_reference(extremes, 'lambda_1 = 0', 'lds', 'ceiling'):.3f}",
        "parts": [
            _direction("variance 1/n (Eq. 3): LDS falls", results.paired(extremes, "recipe", "lambda_1 = 0", "lds")),
            _figure("variance 1/n: to 0.48 or below", none, 0.48, "at most"),
            _direction("variance 1 (their code): LDS falls", results.paired(factorial, with_it, without, "lds")),
            _figure("variance 1: to 0.48 or below", theirs, 0.48, "at most"),
        ],
        "why": "What lambda_1 does depends on the prior. With the variance of Eq. 3 LDS is "
        f"{none.mean():.3f} without it and {results.values(extremes, 'recipe', 'lds').mean():.3f} with it; with the "
        f"variance of their code, 1, {theirs.mean():.3f} and "
        f"{results.values(factorial, with_it, 'lds').mean():.3f}.",
    }


def _f3(extremes, prior, width, headline):
    wide, some = (results.values(extremes, f"variance {value}", "lds_normalised") for value in ("1", "0.001"))
    few = {name: results.values(prior, "n = 300", name) for name in ("lds_normalised", "corr_psf")}
    held = "n = 300, variance 1/11468"
    others = [f"{results.values(extremes, 'variance 1', f'best_{name}').mean():.2f}" for name in LATENTS]
    parts = [
        _direction(f"variance 1: {what} falls", results.paired(extremes, "recipe", "variance 1", score))
        for what, score in (("normalised LDS", "lds_normalised"), ("correlation with psf", "best_psf"))
    ]
    parts += [
        _direction(f"n = 300: {what} falls", results.paired(headline, "auxvae", "n = 300", score, prior))
        for what, score in (("normalised LDS", "lds_normalised"), ("correlation with psf", "corr_psf"))
    ]
    parts += [
        _direction(f"correlation with psf falls with {what}", results.paired(a, *variants, "corr_psf", b))
        for what, a, variants, b in (
            ("300 images, variance held at 1/11468", headline, ("auxvae", held), width),
            ("variance 1/300 for 1/11468, images held at 300", width, (held, "n = 300"), prior),
        )
    ]
    return {
        "ours": f"normalised LDS: {_spread(wide)} with variance 1, {_spread(few['lds_normalised'])} with n = 300",
        "floor": "0",
        "ceiling": "1",
        "parts": parts,
        "why": f"Variance 0.001 already has {some.mean():.2f}. psf is found at "
        f"{results.values(headline, 'auxvae', 'corr_psf').mean():.2f} with all images, at "
        f"{results.values(width, held, 'corr_psf').mean():.2f} with 300 of them and the same variance, and at "
        f"{few['corr_psf'].mean():.2f} where the variance is 1/300, too. With variance 1 the best correlations with "
        f"{', '.join(LATENTS)} are {', '.join(others)}.",
    }


def _a1(base):
    from scipy import stats  # slow to import

    names, variants = _methods(base), list(results.by_variant(base))
    scores = {name: np.array([results.values(base, v, name) for v in variants]) for name in ("lds", "sap_r2")}
    rho = [stats.spearmanr(*columns).statistic for columns in zip(scores["lds"].T, scores["sap_r2"].T, strict=True)]
    means = {name: [results.values(base, names[method], name).mean() for method in METHODS] for name in scores}
    parts = [
        _direction(
            f"Spearman's correlation of LDS and SAP, {len(variants)} models", results.interval(rho), AGREES, 2, ""
        )
    ]
    for method in ("beta-VAE", "IDVAE"):
        lds, sap = (results.differences(base, names["Aux-VAE"], names[method], name) for name in scores)
        claim = f"Aux-VAE and {method}: their difference in SAP, counted in the direction of that in LDS"
        parts.append(_direction(claim, results.interval(np.sign(lds.mean()) * sap)))
    return {
        "ours": f"Spearman's rank correlation {_spread(rho, 2)}",
        "floor": "0",
        "ceiling": "1",
        "parts": parts,
        "why": "Mean LDS and SAP are "
        + ", ".join(f"{m} {a:.2f} and {b:.2f}" for m, a, b in zip(METHODS, *means.values(), strict=True))
        + ". SAP asks for a straight line between a latent and a factor, as LDS does: it is no independent witness.",
    }


def _better(result):
    """Aux-VAE, told all factors, beside the beta-VAE that validation rows choose: how both score, and who is better."""
    beta = results.chosen(result, METHODS["beta-VAE"])
    both = {name: [results.values(result, v, name) for v in ("all", beta)] for name in ("lds_all", "ssim_global")}
    (ours, theirs), (sharp, sharper) = both.values()
    floor, ceiling = (_reference(result, "all", "lds_all", row) for row in ("floor", "ceiling"))
    return {
        "ours": f"LDS {_spread(ours)} against {_spread(theirs)}; SSIM {_spread(sharp)} against {_spread(sharper)}",
        "floor": f"LDS {floor:.3f}; black image {_reference(result, 'all', 'ssim_global', 'black'):.3f}",
        "ceiling": f"LDS {ceiling:.3f}",
        "parts": [
            _direction("Aux-VAE's LDS above beta-VAE's", results.paired(result, "all", beta, "lds_all")),
            _direction("Aux-VAE's SSIM above beta-VAE's", results.paired(result, "all", beta, "ssim_global")),
        ],
    }


def _d1(base):
    row, (lds, ssim) = _better(base), (results.values(base, "all", name) for name in ("lds_all", "ssim_global"))
    floor, black = (_reference(base, "all", *place) for place in (("lds_all", "floor"), ("ssim_global", "black")))
    held, told = (results.values(base, "all", f"best_{name}").mean() for name in ("orientation", "posX"))
    codes = [results.values(base, "codes", name).mean() for name in ("lds_codes", "ssim_global")]
    row["parts"] = [
        _figure("LDS of all five factors, given as u, above 0.8", lds, 0.8, "at least", floor),
        _figure("SSIM above 0.9", ssim, 0.9, "at least", black),
        *row["parts"],
    ]
    row["why"] = (
        f"No picture tells the orientation of a square or an ellipse. A latent correlates with it by {held:.2f}, with "
        f"posX by {told:.2f}, and LDS, which divides each factor by its own sum, hardly sees it. Told the "
        f"cosine and sine of what can be seen instead, the model has LDS {codes[0]:.3f} and SSIM {codes[1]:.3f}. A "
        f"black image has SSIM {black:.3f}. Chosen on validation rows: {results.chosen(base, METHODS['beta-VAE'])}."
    )
    return row


def _c1(base):
    row = _better(base)
    mean = _reference(base, "all", "ssim_global", "mean")
    pose = results.values(base, "pose", "ssim_global").mean()
    row["ours"] = f"on Cars3D-lite, cars of our own: {row['ours']}"
    row["why"] = (
        f"Not on Cars3D itself, whose file may be gone. Eight of ten latents are guided there. Guided by the pose "
        f"alone the SSIM is {pose:.3f}; the mean image has {mean:.3f}. Chosen on validation rows: "
        f"{results.chosen(base, METHODS['beta-VAE'])}."
    )
    return row


CLAIMS = (  # id, claim, the paper's figure, chapter, experiments, and what reads them
    ("G1", "Aux-VAE reconstructs galaxies", "SSIM ≈ 0.96", 8, (BASE,), _g1),
    ("G2", "Aux-VAE disentangles their factors", "LDS up to 0.94", 8, (BASE,), _g2),
    ("G3", "beta-VAE does worse in both", "SSIM ≈ 0.89, LDS ≈ 0.48", 8, (BASE,), _g3),
    ("G4", "Aux-VAE beats IDVAE in both", "direction", 8, (BASE,), _g4),
    ("T1", "each guided latent changes one property; beta-VAE's latents mix them", "figure", 8, (BASE,), _t1),
    ("S1", "all factors known: perturbing z_aux costs SSIM, z_recon does not", "Fig. 4", 9,
     ("galaxies-coverage",), _s1),
    ("S2", "the fewer factors known, the more z_recon matters, most in Case 3", "Fig. 4", 9,
     ("galaxies-coverage",), _s2),
    ("H1", "MSE (1 - LDS) over beta, lambda_1, lambda_2 has a usable minimum", "Fig. 16", 10,
     ("galaxies-grid", "galaxies-grid-scale"), _h1),
    ("F1", "lambda_1 or lambda_2 too high, or 1/n too small: latents follow u, SSIM drops sharply", "mechanism", 10,
     ("galaxies-extremes",), _f1),
    ("F2", "lambda_1 too low: LDS falls to beta-VAE's", "LDS ≈ 0.48", 10,
     ("galaxies-extremes", "galaxies-factorial"), _f2),
    ("F3", "1/n too large: weak guidance; n has to be large", "mechanism", 10,
     ("galaxies-extremes", "galaxies-prior", "galaxies-width", "galaxies-headline"), _f3),
    ("D1", "dSprites, all factors known: both scores are high, and better than beta-VAE's", "LDS > 0.8, SSIM > 0.9", 11,
     ("dsprites",), _d1),
    ("C1", "Cars3D: better than beta-VAE", "direction", 12, ("cars",), _c1),
    ("A1", "SAP ranks as LDS does", "direction", 8, (BASE,), _a1),
)  # fmt: skip


def ledger(load=results.load):
    """The paper's claims, each with our numbers and a verdict.

    Arguments:
        load: From an experiment's name to its result; by default the committed ones.

    Returns:
        A list with a `Row` for each claim. One whose files are missing is "not yet run".

    References:
        Chapter 13.
    """
    return [_row(load, *claim) for claim in CLAIMS]


def _row(load, id, claim, paper, chapter, experiments, read):
    one = "python data_scripts/make_evidence.py {0} --out build/again/{0}.json"
    known = {"id": id, "claim": claim, "paper": paper, "chapter": chapter}
    known["command"] = "\n".join(one.format(name) for name in experiments)
    try:
        found = [load(name) for name in experiments]
    except FileNotFoundError as missing:
        blank = dict.fromkeys(("ours", "n", "floor", "ceiling", "machine"), "")
        return Row(**known, **blank, verdict="not yet run", parts=(), why=f"{missing}.", minutes=0.0)
    runs = [run for result in found for run in result["runs"]]
    seeds = sorted({len(runs) for result in found for runs in results.by_variant(result).values()})
    n = found[0]["n"]
    numbers = read(*found)
    parts = tuple(numbers.pop("parts"))
    return Row(
        **known,
        **numbers,
        n=f"{' or '.join(map(str, seeds))} seeds; {n['train']:,} images to train, {n['test']:,} to test",
        verdict=combined(part.verdict for part in parts),
        parts=parts,
        minutes=sum(sum(run["seconds"].values()) for run in runs) / 60,
        machine="; ".join(dict.fromkeys(machine for result in found for machine in result["machine"].split("; "))),
    )


EFFECTS = ("ssim_image", "lds_normalised", "best_psf")
CHOICES = (  # number in the authors' list (chapter 13), ours, theirs, variant of DIFFERENCES
    ("1", "prior variance 1/n (Eq. 3)", "prior variance 1", "unit prior variance"),
    ("2", "squares of asinh-scaled pixels", "logarithms of min-max pixels, unscaled, sigmoid", "logarithms"),
    ("2", "asinh-scaled pixels", "min-max scaled pixels, no logarithm", "min-max images"),
    ("3", "squares over 2 sigma^2, sigma .015", "plain sum of squares: lambda and beta weigh more", "scale"),
    ("3", "penalties on means", "explicitness and intra on sampled codes", "sampled penalties"),
    ("4", "squares over 2 sigma^2, beta 1", "plain sum of squares, beta 20", "scale and beta 20"),
    ("4", "one-cycle to 6e-3, batch 128, clipped", "constant 1e-3, batch 64, not clipped", "optimiser"),
    ("4", "factors of unit variance", "factors from 0 to 1", "min-max factors"),
    ("6", "batch norm, SiLU, linear output, half width", "ReLU, sigmoid output", "network"),
    ("7", "each image its own noise", "one noise stream for all training images", "one noise stream"),
    ("-", "trained with the symmetries of shear", "trained without them", "no symmetries"),
)
SCORINGS = (  # the same runs, scored twice
    ("5", "LDS of five factors, unseen rows, means", "LDS of three, training rows, samples", "lds", "lds_authors"),
    ("5", "SSIM, range of each image", "SSIM, range of the whole set", "ssim_image", "ssim_global"),
)
MISSING = ("8", "runs as published", "two imported modules are not in the repository")


def against_code(load=results.load):
    """What each choice of the authors' code changes, alone, in our recipe; then all of them together.

    Arguments:
        load: As in `ledger`.

    Returns:
        A list with a `Difference` for each, in the order of chapter 13's list. Effects are those of `EFFECTS`, theirs
        minus ours, paired by seed, with as many epochs as ours unless `theirs` says otherwise. The two ways of scoring
        have one effect each: the same runs of our recipe, scored twice.

    References:
        Chapter 13.
    """
    found = [
        Difference(number, ours, theirs, _effects(load, DIFFERENCES, variant, DIFFERENCES, "ours"))
        for number, ours, theirs, variant in CHOICES
    ]
    for number, ours, theirs, first, second in SCORINGS:
        found.append(Difference(number, ours, theirs, _try(partial(_rescored, load, first, second))))
    found.append(Difference(*MISSING, {}))
    recipe = METHODS["Aux-VAE"][1]
    for variant in _try(lambda: list(results.by_variant(load(AUTHORS)))) or ["long trained"]:
        effects = _effects(load, AUTHORS, variant, BASE, recipe)
        found.append(Difference("all", "our recipe", f"their code, {variant}", effects))
    return sorted(found, key=lambda row: (not row.number.isdigit(), row.number == "all", row.number))


def _try(read):
    try:
        return read()
    except FileNotFoundError:
        return None


def _effects(load, name, variant, other, ours):
    def read():
        theirs, mine = load(name), load(other)
        return {score: results.differences(theirs, variant, ours, score, mine) for score in EFFECTS}

    return _try(read)


def _rescored(load, first, second):
    recipe, base = METHODS["Aux-VAE"][1], load(BASE)
    return {second: results.values(base, recipe, second) - results.values(base, recipe, first)}


def html(rows):
    """The ledger as HTML: a table that a phone can show, then each row's parts, rules and reasons, folded."""
    lines = [
        _table(("", "claim", "paper", "ours", "verdict"), [(r.id, r.claim, r.paper, r.ours, r.verdict) for r in rows])
    ]
    for row in rows:
        parts = _table(("what", "ours", "holds if", "verdict"), row.parts)
        facts = {"n": row.n, "floor": row.floor, "ceiling": row.ceiling, "machine": row.machine}
        said = "; ".join(f"{name}: {value}" for name, value in facts.items() if value)
        made = f"# the committed runs took {row.minutes:.0f} minutes of one process, on the machine named above"
        remake = f"{row.command}\n{made}; chapter {row.chapter}"
        lines.append(
            f"<details><summary>{row.id}: {row.claim} ({row.verdict})</summary>\n"
            f"{parts if row.parts else ''}<p>{row.why}</p><p>{said}</p><pre>{remake}</pre></details>"
        )
    return "\n".join(lines)


def html_against(differences):
    """`against_code` as HTML: what each choice changes, with the 95 % interval; intervals without 0 in bold."""
    heads = ("", "ours", "theirs", *EFFECTS)
    rows = []
    for row in differences:
        effects = row.effects or {}
        cells = [_cell(effects.get(score)) for score in EFFECTS]
        if row.effects is None:
            cells[0] = "not yet run"
        elif extra := set(effects) - set(EFFECTS):
            cells[1 if "lds" in min(extra) else 0] = _cell(effects[min(extra)])
        rows.append((row.number, row.ours, row.theirs, *cells))
    return _table(heads, rows)


def _cell(differences):
    if differences is None:
        return ""
    effect = results.interval(differences)
    digits = 4 if max(abs(effect.low), abs(effect.high)) < 0.05 else 3
    text = _between(effect, digits)
    return text if effect.low <= 0 <= effect.high else f"<strong>{text}</strong>"


def _table(heads, rows):
    cells = ["".join(f"<th>{head}</th>" for head in heads)]
    cells += ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    return '<table class="ledger">' + "".join(f"<tr>{cell}</tr>\n" for cell in cells) + "</table>\n"
