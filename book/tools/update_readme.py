"""Bring README.md, the page of numbers and the map of the package up to date.

    python book/tools/update_readme.py

Numbers come from the committed results, the last benchmarks and the printed output of chapters 5 and 6; the picture is
chapter 6's. Each stands between a line `<!-- make readme: NAME -->` and a line `<!-- end -->`.
"""

import argparse
import base64
import json
import math
import re
import sys
import textwrap
from functools import partial

import nbformat
import numpy as np
from render import BOOK

from auxvae_lite.files import write_text
from auxvae_lite.study import results

ROOT = BOOK.parent
README, INTRO, API, NUMBERS = ROOT / "README.md", BOOK / "intro.md", BOOK / "api.md", BOOK / "numbers.md"
PICTURE = BOOK / "_static/traversals.png"
BENCH = ROOT / "tests/benchmarks/bench.json"
sys.path.append(str(BENCH.parent))
TOLD = [f"told_by_free_{name}" for name in results.FACTORS]
REST = [(f"others_{kind}_{name}",) for kind in ("linear", "neighbours") for name in results.FACTORS]


def place(name):
    """The pattern of what stands in a file under a name: the line before it, the text, the line after it."""
    return re.compile(rf"(<!-- make readme: {re.escape(name)} -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def held(path, name):
    """The text that a file holds under a name.

    Raises:
        ValueError: if it does not hold that name once.
    """
    found = place(name).findall(path.read_text(encoding="utf-8"))
    if len(found) != 1:
        lines = f"<!-- make readme: {name} --> and <!-- end -->"
        raise ValueError(f"{path.name} holds the lines {lines} {len(found)} times, not once: write them there")
    return found[0][1].removesuffix("\n")


def pool():
    """All committed runs of the headline's recipe."""
    return results.pool(results.load("galaxies-headline"), "auxvae")


def printed(chapter, pattern):
    """A number in what a chapter's committed notebook printed.

    Raises:
        ValueError: if the pattern is not found there once.
    """
    cells = nbformat.read(BOOK / f"{chapter}.ipynb", as_version=4).cells
    text = "\n".join(out.text for cell in cells for out in cell.get("outputs", []) if out.output_type == "stream")
    found = re.findall(pattern, text)
    if len(found) != 1:
        raise ValueError(f"{chapter}.ipynb prints {pattern!r} {len(found)} times, not once: correct update_readme.py")
    return found[0]


def findings():
    """The three findings, in Markdown."""
    runs = pool()
    own = {name: results.spread(runs, f"corr_{name}", f"best_{name}") for name in results.FACTORS}
    lowest, psf = min(own[name].low for name in own if name != "psf"), own["psf"]
    lds, ranks, ssim = (results.spread(runs, name) for name in ("lds", "lds_ranks", "ssim_global"))
    reference = runs[0]["reference"]  # neither depends on the run
    ceiling, black = reference["lds"]["ceiling"], reference["ssim_global"]["black"]
    line = max(results.spread(runs, f"others_linear_{name}").high for name in results.FACTORS)
    radius, flux = (results.spread(runs, f"others_neighbours_{name}") for name in ("radius", "flux"))
    limit = printed("06_training", r"psf +correlation at best about ([\d.]+)")
    head = (
        f"Mean ± standard deviation (lowest to highest) of {lds.runs} runs of {lds.seeds} seeds of the paper's "
        f"objective, on galaxies that training has not seen; {ranks.runs} have all scores."
    )
    points = (
        "**Each factor gets a latent of its own.** The correlation of a latent with its factor is at least "
        f"{math.floor(1e4 * lowest) / 1e4:.4f} in every run for flux, radius and both components of shear. For the "
        f"width of the blur (`psf`) it is {give(psf, 3)}. Photon noise allows about {limit} at best, by our estimate.",
        "**The paper's two scores mean little without a reference.** LDS is its score of disentanglement, 1 at best. "
        f"We find {give(lds, 3)}, the paper up to 0.94; a perfect code is expected to score {ceiling:.3f}. Of "
        f"ranks, so that outliers count less, ours is {give(ranks, 2)}. SSIM is its score of images. By its "
        f"convention we find {ssim.mean:.4f}, and an all-black image scores {black:.3f}.",
        "**The other latents are not free of the factors.** A line reads little from them (R² at "
        f"most {math.ceil(100 * line) / 100:.2f}), nearest neighbours predict radius with an R² of "
        f"{give(radius, 2)} and flux with {give(flux, 2)}.",
    )
    wrap = partial(textwrap.fill, width=118, break_long_words=False, break_on_hyphens=False)
    numbered = (wrap(point, initial_indent=f"{i}. ", subsequent_indent="   ") for i, point in enumerate(points, 1))
    return "\n".join([wrap(head), "", *numbered])


def both():
    """The paper's objective beside ours, in Markdown."""
    result = results.load("galaxies-mended")
    rows = {
        "SSIM of a reconstruction": "ssim_image",
        "LDS of ranks; 0 is chance, 1 a perfect code": "lds_ranks_normalised",
        "R² of the factor that the free latents tell best; chance is below 0": TOLD,
        "SSIM of an image made from factors alone with the truth": "generate_ssim",
    }
    lines = ["| five factors told, test galaxies | the paper's objective | ours |", "|---|---|---|"]
    for words, names in rows.items():
        cells = []
        for objective in ("paper", "mended"):
            runs = results.by_variant(result)[f"{objective}, case 1"]
            pick = max if names is TOLD else min
            values = [pick(run["scores"][name] for name in np.atleast_1d(names)) for run in runs]
            cells.append(f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})")
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join(lines)


def give(found, digits):
    """Mean, standard deviation, lowest and highest of a `results.Spread`."""
    mean, sd, low, high = (f"{value:.{digits}f}" for value in found[:4])
    return f"{mean} ± {sd} ({low} to {high})"


def seeds():
    """LDS of each run, a line for each seed, in Markdown."""
    lines = ["| seed | runs | LDS of each |", "|---|---|---|"]
    runs = pool()
    for seed in sorted({run["seed"] for run in runs}):
        found = [f"{run['scores']['lds']:.3f}" for run in runs if run["seed"] == seed]
        lines.append(f"| {seed} | {len(found)} | {', '.join(found)} |")
    return "\n".join(lines)


def experiments():
    """What each experiment ran, in Markdown."""
    lines = ["| experiment | variants | runs | hours | machine |", "|---|---|---|---|---|"]
    for name in results.names():
        result = results.load(name)
        hours = sum(sum(run["seconds"].values()) for run in result["runs"]) / 3600
        counts = f"{len(results.by_variant(result))} | {len(result['runs'])} | {hours:.2f}"
        machine = "; ".join(part.split(", Python")[0] for part in result["machine"].split("; "))
        lines.append(f"| `{name}` | {counts} | {machine} |")
    return "\n".join(lines)


def speed():
    """The last benchmarks, in Markdown."""
    from bench import table

    return table(json.loads(BENCH.read_text(encoding="utf-8")))


def blocks():
    """Every block: file, name and text. The map and the five lines are written by hand, in the README."""
    yield README, "findings", findings()
    yield README, "both", both()
    yield API, "map", held(README, "map")
    yield INTRO, "five lines", held(README, "five lines")
    yield NUMBERS, "pool", f"```text\n{results.pool_table(pool())}\n```"
    more = [("lds_ranks",), ("lds_ranks_normalised",), ("corr_aux_recon",), *REST]
    yield NUMBERS, "more of the pool", f"```text\n{results.pool_table(pool(), more)}\n```"
    yield NUMBERS, "seeds", seeds()
    yield NUMBERS, "experiments", experiments()
    yield NUMBERS, "speed", speed()


def picture():
    """The bytes of chapter 6's traversals."""
    notebook = nbformat.read(BOOK / "06_training.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if "viz.traversals" in cell.source]
    (found,) = [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
    return base64.b64decode(found)


def main():
    """Write all of them."""
    for path, name, text in list(blocks()):
        held(path, name)  # that it is there
        whole = place(name).sub(
            lambda found, text=text: f"{found[1]}{text}\n{found[3]}", path.read_text(encoding="utf-8")
        )
        write_text(path, whole)
    PICTURE.write_bytes(picture())


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
