"""Write book/authors.md, what we would tell the paper's authors, from the ledger and the committed results.

python book/tools/make_authors.py
"""

import argparse

from render import BOOK

from auxvae_lite.files import write_text
from auxvae_lite.study import ledger, results

PAGE = BOOK / "authors.md"
LETTER = """# What we would tell the authors

Dear Arkaprabha Ganguli, Nesar Ramachandra, Julie Bessac and Emil Constantinescu,

we rebuilt the galaxy experiments of your paper from its text and from your public code, with several seeds each. Thank
you for both: without the code we would have guessed at half of it. Your idea, a prior that ties latents to known
factors, is simple, and it aligns them. Here is what we found, your claims first. Each verdict follows a rule that
stands beside it in [chapter 13](13_ledger.ipynb), with the command that remakes the number. Where we have misread you,
tell us, and the row changes.

{claims}

## What we would change, in order of importance

1. **Say how LDS is computed.** On unseen galaxies, with all five factors, ours is {lds}, between {floor} for codes
   that know nothing and {ceiling} expected of a perfect code at that n. As your script has it, on training rows, with
   three factors and sampled codes, the same runs give {lds_authors}. Print n, floor and ceiling, and all factors.
2. **Report a score that the loss does not contain.** lambda_2 shrinks the denominator of LDS. Without it normalised LDS
   is {lds_without}, with it {lds_with}, while D of DCI is {d_without} and {d_with} and the correlation with psf
   {psf_without} and {psf_with}. The LDS of ranks is {ranks}, and ten neighbours among the free latents still predict
   flux with R^2 {neighbours}. An encoder that is only trained to predict the factors has {supervised}.
3. **Give the prior's variance that the code uses.** Eq. 3 has 1/n, the script 1. Changing that alone in our recipe
   changes normalised LDS by {variance_lds} and the correlation with psf by {variance_psf} after our
   22 epochs. Your code as we completed it finds psf later: {late} after {most}, of your 1,000, where we stopped.
   Your Eq. 3 is the better one, but not with few images: from 300 of them we find psf at {few_own} with 1/300, at
   {few_held} with 1/11468. A narrow prior matters more than n.
4. **Give SSIM a range for each image, and a black image's score.** With one range for the whole set a black image has
   {black}, and the mean image {mean}; with its own range they have {black_own} and {mean_own}, and we {ssim_own}.
5. **Publish the settings of the baselines.** Our beta-VAE has SSIM {beta_ssim} and LDS {beta_lds}, where you print
   0.89 and 0.48. Its LDS is that of noise, which helps your case; its SSIM with each image's own range differs from
   Aux-VAE's by {beta_more}, which does not.
6. **Scale pixels by asinh.** Without sky, many pixels are exactly 0, and log10(x + 1e-10) makes them weigh most. In
   our recipe that loss changes SSIM by {logarithms}, min-max scaled pixels without a logarithm by {linear}.
7. **Show seeds.** In the grid of Fig. 16, at your scale of the loss, {behind} other cells differ from the chosen one by
   more than seeds do. With our recipe, one setting, normalised LDS has a standard deviation of {spread} over five
   seeds.
8. **In the code**: two imported modules are missing; the loader called test is built from training rows; the division
   by the number of free latents fails when there are none; a constant column gives NaN; every image's noise has the
   same seed.

With thanks for a method that is simple enough to be taken apart,

the authors of auxvae_lite
"""


def page(load=results.load):
    """The page's text."""
    rows = ledger.ledger(load)
    known = (ledger.BASE, ledger.DIFFERENCES, "galaxies-factorial", "galaxies-extremes", "galaxies-grid-scale")
    base, choices, factorial, extremes, grid = (load(name) for name in known)
    names = {method: results.chosen(base, variants) for method, variants in ledger.METHODS.items()}
    aux, beta = names["Aux-VAE"], names["beta-VAE"]
    off, on = (f"variance 1/n, lambda_1 0, lambda_2 {value}" for value in ("0", "0.4"))
    cells = list(results.by_variant(grid))
    best = results.chosen(grid, cells)
    behind = [results.paired(grid, cell, best, "product").low > 0 for cell in cells if cell != best]
    first = results.by_variant(base)[aux][0]["reference"]
    (g2,) = [row for row in rows if row.id == "G2"]
    whole = load(ledger.AUTHORS)
    most = list(results.by_variant(whole))[-1]
    numbers = {
        "late": spread(whole, most, "best_psf"),
        "most": most,
        "few_own": spread(load("galaxies-prior"), "n = 300", "corr_psf"),
        "few_held": spread(load("galaxies-width"), "n = 300, variance 1/11468", "corr_psf"),
        "lds": spread(base, aux, "lds", 3),
        "floor": g2.floor,
        "ceiling": g2.ceiling,
        "lds_authors": spread(base, aux, "lds_authors", 3),
        "ranks": spread(base, aux, "lds_ranks_normalised"),
        "neighbours": spread(base, aux, "others_neighbours_flux"),
        "supervised": spread(base, "supervised", "lds_normalised"),
        "variance_lds": effect(results.paired(extremes, "variance 1", "recipe", "lds_normalised"), 2),
        "variance_psf": effect(results.paired(extremes, "variance 1", "recipe", "best_psf"), 2),
        "logarithms": effect(results.paired(choices, "logarithms", "ours", "ssim_image"), 3),
        "linear": effect(results.paired(choices, "min-max images", "ours", "ssim_image"), 3),
        "ssim_own": spread(base, aux, "ssim_image", 4),
        "beta_ssim": spread(base, beta, "ssim_global", 4),
        "beta_lds": spread(base, beta, "lds"),
        "beta_more": effect(results.paired(base, beta, aux, "ssim_image"), 4),
        "behind": f"{sum(behind)} of {len(behind)}",
        "spread": f"{results.values(base, aux, 'lds_normalised').std(ddof=1):.2f}",
    }
    for score, short in (("lds_normalised", "lds"), ("dci_d", "d"), ("best_psf", "psf")):
        numbers |= {f"{short}_without": spread(factorial, off, score), f"{short}_with": spread(factorial, on, score)}
    for row in ("black", "mean"):
        numbers |= {row: f"{first['ssim_global'][row]:.2f}", f"{row}_own": f"{first['ssim_image'][row]:.2f}"}
    lines = [f"- **{row.id}**, {row.claim} ({row.paper}): **{row.verdict}**. Ours: {told(row)}." for row in rows]
    return LETTER.format(claims="\n".join(lines), **numbers)


def told(row):
    """Our numbers, and which parts of the claim did not hold."""
    text = row.ours
    for verdict, words in (("not reproduced", "Did not hold"), ("in part", "Held in part"), ("cannot be told", "Open")):
        fell = [part.claim for part in row.parts if part.verdict == verdict]
        text += f". *{words}:* {'; '.join(fell)}" if fell else ""
    return text


def spread(result, variant, score, digits=2):
    """Mean and standard deviation over seeds, as text."""
    values = results.values(result, variant, score)
    return f"{values.mean():.{digits}f} ± {values.std(ddof=1):.{digits}f}"


def effect(found, digits):
    """A paired difference and its interval, as text."""
    return f"{found.mean:+.{digits}f} ({found.low:+.{digits}f} to {found.high:+.{digits}f})"


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()  # none but --help
    write_text(PAGE, page())
