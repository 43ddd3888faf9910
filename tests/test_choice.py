"""The rule that chose the mended objective, on made-up results, and on the committed ones."""

import torch

from auxvae_lite import training
from auxvae_lite.dependence import distance_correlation
from auxvae_lite.models import Output, Posterior
from auxvae_lite.study import choice, results
from auxvae_lite.training import Config


def run(setting, case, ssim=0.977, generate=0.992, ceiling=1.0, told=(0.1, 0.0), lds=0.9):
    scores = {"ssim_image": ssim, "generate_ssim": generate, "lds_ranks_normalised": lds}
    scores |= {f"told_by_free_{name}": value for name, value in zip("ab", told, strict=True)}
    return {
        "variant": f"{setting}, {case}",
        "seed": 0,
        "scores": scores,
        "reference": {"generate_ssim": {"ceiling": ceiling}},
    }


def order(*runs):
    return [name for name, _ in choice.order({"runs": list(runs)})]


def both(setting, **changes):
    return [run(setting, case, **changes) for case in ("case 1", "case 3")]


def test_who_tells_least_in_the_worst_case_is_first():
    runs = [*both("a, 1", told=(0.3, 0.1)), *both("b, 2", told=(0.2, 0.25))]
    assert order(*runs) == ["b, 2", "a, 1"]
    runs[3]["scores"]["told_by_free_a"] = 0.4  # b in case 3
    assert order(*runs) == ["a, 1", "b, 2"]


def test_a_picture_lost_or_missed_comes_behind_and_too_good_is_missed():
    good, blurred = both("good", told=(0.9, 0.9)), both("blurred", ssim=0.9755, told=(0.0, 0.0))
    dark, bland = both("dark", generate=0.98, told=(0.0, 0.0)), both("bland", ceiling=0.96, told=(0.0, 0.0))
    assert order(*blurred, *bland, *dark, *good) == ["good", "dark", "bland", "blurred"]
    rows = dict(choice.order({"runs": [*good, *dark]}))
    assert rows["good"]["qualifies"] and not rows["dark"]["qualifies"] and abs(rows["dark"]["miss"] - 0.02) < 1e-9


def test_below_a_twentieth_the_order_is_that_of_lds():
    runs = [*both("a", told=(-0.1, 0.0), lds=0.8), *both("b", told=(0.04, 0.0), lds=0.95)]
    assert order(*runs) == ["b", "a"]


def test_seeds_are_averaged_before_the_worst_is_taken():
    runs = [run("a", "case 1", told=pair) for pair in ((0.4, 0.0), (0.0, 0.4))]
    ((_, row),) = choice.order({"runs": runs})
    assert abs(row["told"] - 0.2) < 1e-9


def seeds(setting, misses, **changes):
    runs = [run(setting, "case 1", generate=1 - miss, **changes) for miss in misses]
    return [one | {"seed": seed} for seed, one in enumerate(runs)]


def test_a_difference_that_seeds_do_not_tell_apart_is_a_tie():
    first = seeds("a, 0", (0.02, 0.024, 0.019), lds=0.7)
    near = seeds("b, 1", (0.026, 0.023, 0.022), lds=0.9)
    far = seeds("c, 1", (0.03, 0.0345, 0.029), lds=0.99)
    blurred = seeds("d, 1", (0.02, 0.024, 0.019), lds=0.99, ssim=0.97)
    assert order(*first, *near, *far, *blurred)[0] == "a, 0"
    assert choice.chosen({"runs": [*first, *near, *far, *blurred]}) == "b, 1"
    tells = seeds("b, 1", (0.026, 0.023, 0.022), lds=0.9, told=(0.2, 0.0))
    assert choice.chosen({"runs": [*first, *tells, *far]}) == "a, 0"


def test_config_is_what_was_chosen():
    name = choice.chosen(results.load("galaxies-choice"))
    changes = choice.settings()[name]
    assert {field: getattr(Config(), field) for field in changes} == changes


def test_each_step_has_what_the_last_one_let_through():
    names = [
        list(dict.fromkeys(variant.rsplit(", ", 1)[0] for variant in results.load(name)["config"]["variants"]))
        for name in ("galaxies-choice-short", "galaxies-choice-one", "galaxies-choice")
    ]
    assert names[0] == list(choice.settings())
    assert names[1] == choice.survivors(results.load("galaxies-choice-short"), either=True)
    assert names[2] == choice.survivors(results.load("galaxies-choice-one"))


def test_the_settings_are_a_constant_four_weights_and_five_measures():
    settings = choice.settings()
    assert len(settings) == 4 * (1 + 2 * 4) and all(changes["decoder_bias"] for changes in settings.values())
    assert {changes["beta_free"] for changes in settings.values()} == {1, 4, 16, 64}
    for changes in settings.values():
        Config(**changes)


def test_pairs_are_averaged_over_the_free_latents():
    generator = torch.Generator().manual_seed(0)
    mu, u = torch.randn(96, 5, generator=generator), torch.randn(96, 2, generator=generator)
    x = torch.zeros(96, 1, 16, 16)
    given = Config.paper(), Output(x, Posterior(mu, torch.zeros_like(mu)), mu), x, u, 0.01
    pairs = choice.pairwise_terms(*given)
    by_hand = sum(distance_correlation(mu[:64, [j]], u[:64, [k]]).item() for j in (2, 3, 4) for k in (0, 1)) / 3
    assert abs(pairs.inter.item() - by_hand) < 1e-6
    assert pairs._replace(inter=None) == training.terms(*given)._replace(inter=None)
