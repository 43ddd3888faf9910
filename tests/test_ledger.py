"""Verdicts follow their rules: on invented numbers, in two invented worlds, and on the committed files."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from bs4 import BeautifulSoup

from auxvae_lite.study import ledger, results

sys.path.append(str(Path(__file__).resolve().parents[1] / "data_scripts"))
import make_evidence  # noqa: E402

ROWS = {row.id: row for row in ledger.ledger()}
TIGHT, LOOSE = (0.9, 0.901, 0.902), (0.2, 0.9, 1.6)


def test_one_more_run_falls_where_the_interval_says():
    """Student's t with n - 1 degrees of freedom, of the distance of one more draw from the mean of n."""
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((4000, 5))
    inside = [low <= more <= high for *few, more in draws for _, low, high, *_ in [ledger.next_run(few)]]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.01)
    assert ledger.next_run([0.5, 0.6, 0.7]).high == pytest.approx(0.6 + 4.302653 * 0.1 * (4 / 3) ** 0.5)


@pytest.mark.parametrize(
    ("values", "claimed", "side", "known_nothing", "verdict"),
    [
        (TIGHT, 0.9, "equal", None, "reproduced"),
        (TIGHT, 0.8, "equal", None, "not reproduced"),
        (TIGHT, 1.0, "equal", None, "not reproduced"),
        (TIGHT, 0.8, "at least", None, "reproduced"),
        (TIGHT, 1.0, "at least", None, "not reproduced"),
        (TIGHT, 1.0, "at most", None, "reproduced"),
        (TIGHT, 0.8, "at most", None, "not reproduced"),
        (TIGHT, 0.9105, "at least", None, "reproduced"),  # 0.9060 rounded
        (TIGHT, 0.9115, "at least", None, "not reproduced"),
        (LOOSE, 1.0, "at least", 0.3, "cannot be told"),
        (LOOSE, 1.0, "at least", None, "reproduced"),
        (LOOSE, 9.0, "at least", 0.3, "not reproduced"),
        (TIGHT, 0.9, "equal", 0.3, "reproduced"),
        ((0.9, 0.9), 0.9, "equal", None, "cannot be told"),
    ],
)
def test_a_figure(values, claimed, side, known_nothing, verdict):
    assert ledger.figure(values, claimed, side, known_nothing) == verdict


@pytest.mark.parametrize(
    ("low", "high", "n", "margin", "verdict"),
    [
        (0.1, 0.3, 3, 0, "reproduced"),
        (0.0, 0.3, 3, 0, "cannot be told"),
        (-0.1, 0.3, 3, 0, "cannot be told"),
        (-0.3, -0.1, 3, 0, "not reproduced"),
        (-0.3, 0.0, 3, 0, "not reproduced"),
        (0.1, 0.3, 3, 0.2, "cannot be told"),
        (0.1, 0.3, 3, 0.5, "not reproduced"),
        (0.1, 0.3, 3, 0.05, "reproduced"),
        (0.1, 0.3, 2, 0, "cannot be told"),
    ],
)
def test_a_direction(low, high, n, margin, verdict):
    assert ledger.direction(results.Paired((low + high) / 2, low, high, 0.5, n), margin) == verdict


@pytest.mark.parametrize(
    ("count", "total", "verdict"),
    [
        (9, 10, "reproduced"),
        (8, 10, "in part"),
        (2, 10, "in part"),
        (1, 10, "not reproduced"),
        (0, 3, "not reproduced"),
        (0, 0, "cannot be told"),
    ],
)
def test_a_share(count, total, verdict):
    assert ledger.share(count, total) == verdict


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        (["reproduced"] * 2, "reproduced"),
        (["not reproduced"] * 2, "not reproduced"),
        (["cannot be told"] * 2, "cannot be told"),
        (["reproduced", "not reproduced"], "in part"),
        (["reproduced", "cannot be told"], "in part"),
        (["in part", "not reproduced"], "in part"),
        (["not reproduced", "cannot be told"], "not reproduced"),
        (["reproduced", "not yet run"], "not yet run"),
    ],
)
def test_parts_combine(parts, verdict):
    assert ledger.combined(parts) == verdict


def world(right, seeds=5):
    """A loader of invented results in which every claim holds, or none does; the seeds differ by thousandths."""

    def load(name):
        variants = make_evidence.EXPERIMENTS[name]
        rows = {"black": 0.3, "mean": 0.6, "truth": 0.98}
        bounds = {"floor": 0.1, "ceiling": 0.95}
        reference = {"ssim_image": rows, "ssim_global": rows, "lds": bounds, "lds_all": bounds}
        runs = [
            {
                "variant": variant,
                "seed": seed,
                "threads": 1,
                "seconds": {"data": 0, "train": 60, "evaluate": 0},
                "scores": {k: v + 1e-3 * (seed % 3) for k, v in scores(name, variant, place, right).items()},
                "reference": reference,
            }
            for seed in range(seeds)
            for place, variant in enumerate(variants)
        ]
        n = {"train": 8, "validation": 2, "test": 4}
        config = {"variants": variants}
        return {"experiment": name, "config": config, "code": "", "machine": name, "n": n, "runs": runs}

    return load


def scores(name, variant, place, right):
    sign = 1 if right else -1
    found = dict.fromkeys(["mse", "ssim_clean", "lds_ranks_normalised", "corr_psf", "best_psf"], 0.5)
    found |= dict.fromkeys([f"best_{factor}" for factor in ledger.LATENTS], 0.9)
    names = ["flux", "size", "g1", "g2", "core"]
    if "aux" in variant or variant in ("supervised", "recipe", "all", "codes", "pose"):
        lds, ssim, mixed = (0.95, 0.97, 0.2) if right else (0.3, 0.8, 0.8)
    else:
        lds, ssim, mixed = (0.48, 0.89, 0.8) if right else (0.8, 0.95, 0.2)
    moves = np.full((10, 5), mixed)
    moves[range(5), range(5)] = 0.7
    lds, sap = lds + place / 1000, sign * (lds + place / 1000)
    found |= {"lds_all": lds, "lds_codes": lds, "best_orientation": 0.4, "best_posX": 0.9}
    found |= {"lds": lds, "lds_normalised": lds, "lds_authors": lds, "sap_r2": sap}
    found |= {"ssim_image": ssim, "ssim_global": ssim, "validation_product": place}
    found |= {f"move_{j}_{name}": moves[j, m] for j in range(10) for m, name in enumerate(names)}
    if name == "galaxies-coverage":
        costs = {"case 1": (0.3, 0.005), "case 2": (0.2, 0.1), "case 3": (0.2, 0.3)}
        if not right:
            costs = {"case 1": (0.1, 0.3), "case 2": (0.3, 0.2), "case 3": (0.2, 0.1)}
        for how in ("noise", "shuffle"):
            found |= {f"drop_{group}_{how}": costs[variant][i] for i, group in enumerate(("aux", "recon"))}
    elif "grid" in name:
        setting = make_evidence.GRID[variant]
        far = abs(setting["beta"] - 5) + abs(setting["lambda_1"] - 1) + abs(setting["lambda_2"] - 0.5)
        found |= {"validation_product": sign * far, "product": 1 + (far if right else 20 + far)}
    elif name == "galaxies-factorial":
        lds = 0.3 + 0.5 * ("lambda_1 0.5" in variant) if right else 0.8 - 0.1 * ("lambda_1 0.5" in variant)
        found |= {"lds": lds}
    elif name == "galaxies-extremes" and variant != "recipe":
        follows = right == (variant in ("lambda_1 = 100", "lambda_2 = 100", "variance 1e-08"))
        found |= {"ssim_image": found["ssim_image"] + 0.01 - 0.3 * right, "best_psf": 0.2 + 0.6 * follows}
    elif name == "galaxies-prior":
        found |= {"corr_psf": 0.6 - 0.4 * right}
    elif name == "galaxies-width":
        found |= {"corr_psf": 0.55 - 0.2 * right}
    return found


@pytest.mark.parametrize(("right", "verdict"), [(True, "reproduced"), (False, "not reproduced")])
def test_every_claim_can_hold_and_can_fail(right, verdict):
    for row in ledger.ledger(world(right)):
        assert {(part.claim, part.verdict) for part in row.parts} == {(part.claim, verdict) for part in row.parts}
        assert row.verdict == verdict


def test_two_seeds_decide_nothing():
    for row in ledger.ledger(world(True, seeds=2)):
        open_parts = [part for part in row.parts if " of " not in part.numbers]  # a count is no matter of seeds
        assert {part.verdict for part in open_parts} == {"cannot be told"}


def test_a_row_says_where_it_comes_from():
    row = {row.id: row for row in ledger.ledger(world(True))}["F3"]
    names = ("galaxies-extremes", "galaxies-prior", "galaxies-width", "galaxies-headline")
    assert row.machine == "; ".join(names) and row.n == "5 seeds; 8 images to train, 4 to test"
    assert row.minutes == 5 * sum(len(make_evidence.EXPERIMENTS[name]) for name in names)
    assert re.findall(r"evidence\.py (\S+)", row.command) == list(names)


def test_what_has_not_run_says_so():
    def load(name):
        if name == "galaxies-baselines":
            raise FileNotFoundError("no result galaxies-baselines")
        return world(True)(name)

    rows = {row.id: row for row in ledger.ledger(load)}
    assert rows["G1"].verdict == "not yet run" and rows["G1"].parts == () and "no result" in rows["G1"].why
    assert rows["S1"].verdict == "reproduced"
    assert {row.number for row in ledger.against_code(load) if row.effects is None} == {"5", "all"}
    assert "not yet run" in ledger.html(rows.values())
    assert "not yet run" in ledger.html_against(ledger.against_code(load))
    assert {row.effects is None for row in ledger.against_code(missing)} == {True, False}  # what cannot be measured


def missing(name):
    raise FileNotFoundError(f"no result {name}")


def test_an_effect_is_theirs_minus_ours_and_bold_where_no_chance():
    def load(name):
        result = world(True)(name)
        for run in result["runs"]:
            run["scores"] |= {"ssim_image": 0.9, "best_psf": 0.8 - 0.3 * (run["variant"] == "network")}
        return result

    rows = ledger.against_code(load)
    (network,) = [row for row in rows if "ReLU" in row.theirs]
    assert network.effects["best_psf"] == pytest.approx([-0.3] * 5)
    assert network.effects["ssim_image"] == pytest.approx([0] * 5)
    assert " ".join(row.number for row in rows) == "1 2 2 3 3 4 4 4 5 5 6 7 8 -" + " all" * 4
    cells = {tag.text for tag in BeautifulSoup(ledger.html_against([network]), "html.parser").find_all("strong")}
    assert "-0.300 (-0.300 to -0.300)" in cells and not any(text.startswith("+0.0000") for text in cells)


def test_every_claim_comes_out_of_the_committed_files():
    assert " ".join(ROWS) == "G1 G2 G3 G4 T1 S1 S2 H1 F1 F2 F3 D1 C1 A1"
    for row in ROWS.values():
        text = " ".join(map(str, row))
        assert "nan" not in text and "inf" not in text
        assert row.verdict in ledger.VERDICTS[:4] and row.minutes > 1
        assert row.verdict == ledger.combined(part.verdict for part in row.parts)
    assert all(row.effects is not None for row in ledger.against_code())


def test_the_page_shows_every_row_part_and_rule():
    page = BeautifulSoup(ledger.html(ROWS.values()), "html.parser")
    table, *_ = page.find_all("table")
    shown = [[cell.text for cell in line.find_all("td")] for line in table.find_all("tr")[1:]]
    assert shown == [[row.id, row.claim, row.paper, row.ours, row.verdict] for row in ROWS.values()]
    folded = page.find_all("details")
    assert [block.summary.text.split(":")[0] for block in folded] == list(ROWS)
    for block, row in zip(folded, ROWS.values(), strict=True):
        assert row.why in block.text and row.command in block.text
        assert all(part.rule in block.text and part.numbers in block.text for part in row.parts)


def test_own_rows_are_the_guided_or_those_that_move_most():
    table = np.full((10, 5), 0.3)
    table[5:9] = 0
    table[range(5, 9), range(4)] = 1  # four clean free latents behind five guided ones that mix
    guided, matched = ledger._own_d(table[None], True), ledger._own_d(table[None], False)
    assert guided == pytest.approx([0], abs=1e-9) and matched == pytest.approx([1])
