"""The committed evidence follows the schema, and what does not is refused."""

import copy
import json
import runpy
import sys
from dataclasses import asdict

import pytest

from auxvae_lite import files, older
from auxvae_lite.cautions import AuxVAEWarning
from auxvae_lite.study import results
from auxvae_lite.training import Config

EXAMPLE = {
    "experiment": "example",
    "config": {"epochs": 24, "factors": ["flux", "radius"]},
    "code": "0" * 40,
    "machine": "two cores",
    "n": {"train": 8, "validation": 2, "test": 4},
    "runs": [
        {
            "variant": "auxvae",
            "seed": seed,
            "threads": 1,
            "seconds": {"data": 1.5, "train": 20.0, "evaluate": 2},
            "scores": {"ssim_image": 0.97, "lds": 0.9 + seed / 100},
            "reference": {"lds": {"floor": 0.2 + seed / 20, "live": 10}},
        }
        for seed in range(3)
    ],
}


def test_committed_results_are_valid():
    assert "galaxies-headline" in results.names()
    for name in results.names():
        assert results.load(name)["experiment"] == name


def test_a_repeat_has_the_runs_that_it_repeats():
    assert len(results.repeated()) == 11
    for name in results.repeated():
        first, again = results.load(name), results.load(f"again/{name}")
        assert again["experiment"] == name and again["n"] == first["n"]
        for variant in first["config"]["variants"]:
            assert results.settings(again["config"], variant) == results.settings(first["config"], variant)
        for one, two in zip(first["runs"], again["runs"], strict=True):
            assert (one["variant"], one["seed"], one["threads"]) == (two["variant"], two["seed"], two["threads"])
            assert one["scores"].keys() == two["scores"].keys()


COMMITTED = [*results.names(), *(f"again/{name}" for name in results.repeated())]


@pytest.mark.parametrize("name", COMMITTED)
def test_every_setting_is_named_or_has_an_old_meaning(name):
    """Red after a new field of `Config`: say in `older.SETTINGS` what the files that do not name it mean."""
    config = results.load(name)["config"]
    if name == "unlike":  # whose settings are suggested by each set's data
        assert config.keys() == {"size", "variants"}
        return
    for variant in config["variants"]:
        assert not asdict(Config()).keys() - results.settings(config, variant).keys()


def test_settings_are_what_is_shared_changed_and_not_named(monkeypatch):
    monkeypatch.setattr(older, "SETTINGS", {"likelihood": "gaussian"})
    config = {"beta": 1.0, "epochs": 2, "variants": {"a": {}, "b": {"beta": 4.0, "likelihood": "bernoulli"}}}
    assert results.settings(config, "a") == {"likelihood": "gaussian", "beta": 1.0, "epochs": 2}
    assert results.settings(config, "b") == {"likelihood": "bernoulli", "beta": 4.0, "epochs": 2}
    monkeypatch.setitem(older.SETTINGS, "mood", "calm")
    assert results.settings(config, "a")["mood"] == "calm"


def test_fields_of_a_later_version_are_read_with_a_warning(tmp_path):
    later = copy.deepcopy(EXAMPLE) | {"licence": "free"}
    later["runs"][1]["energy"] = 3.0
    with pytest.raises(ValueError, match=r"the schema does not have result\.licence, result\.runs\[1\]\.energy"):
        results.save(tmp_path / "later.json", later)
    files.write_text(tmp_path / "later.json", json.dumps(later | {"sha256": results._seal(later)}))
    told = r"later\.json has fields that .* does not know and ignores: result\.licence, result\.runs\[1\]\.energy"
    with pytest.warns(AuxVAEWarning, match=told):
        found = results.load(tmp_path / "later.json")
    assert "0.9100" in results.table(found)


def test_the_example_is_valid():
    results.validate(EXAMPLE)
    table = results.table(EXAMPLE)
    assert "0.9100" in table  # the mean of three, which the file does not hold
    assert "floor 0.25, live 10" in table  # of three models' floors, too
    assert "0.9100  0.0100" in table and "21.5" in table  # mean, the sample's spread; data and training


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("extra",), 1),
        (("n", "extra"), 1),
        (("runs", 1, "extra"), 1),
        (("n", "train"), 8.5),
        (("n", "train"), True),
        (("code",), None),
        (("config",), []),
        (("runs",), []),
        (("runs", 0, "seed"), "0"),
        (("runs", 2, "seconds", "train"), "20"),
        (("runs", 2, "seconds", "train"), float("nan")),
        (("runs", 1, "scores"), {}),
        (("runs", 1, "scores", "lds"), float("inf")),
        (("runs", 1, "scores", "lds"), "0.9"),
        (("runs", 1, "scores", "another"), 0.5),
        (("runs", 1, "reference", "lds", "floor"), float("nan")),
        (("runs", 2, "reference", "lds", "ceiling"), 0.9),
        (("runs", 2, "reference", "lds"), {}),
        (("runs", 0, "reference", "lds"), 0.9),
        (("runs", 1, "seed"), 0),
    ],
)
def test_a_broken_result_is_refused(place, value):
    broken = copy.deepcopy(EXAMPLE)
    inner = broken
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(ValueError):
        results.validate(broken)


@pytest.mark.parametrize("key", EXAMPLE)
def test_a_missing_key_is_refused(key):
    with pytest.raises(ValueError, match=key):
        results.validate({name: value for name, value in EXAMPLE.items() if name != key})


def test_what_was_saved_is_read_and_no_changed_bit_changes_a_number(tmp_path):
    path = tmp_path / "example.json"
    results.save(path, EXAMPLE)
    assert results.load(path) == EXAMPLE
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1 << position % 8]) + whole[position + 1 :])
        try:  # a float's seventeenth digit may change and mean the same number
            assert results.load(path) == EXAMPLE, f"byte {position} changed unnoticed"
        except ValueError as error:
            assert "example.json" in str(error)
    for length in range(len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"example\.json is no result file"):
            results.load(path)


def test_an_invalid_result_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="runs is empty"):
        results.save(tmp_path / "example.json", EXAMPLE | {"runs": []})
    assert not list(tmp_path.iterdir())


def two_variants(second):
    result = copy.deepcopy(EXAMPLE)
    for seed, run in enumerate(copy.deepcopy(result["runs"])):
        run["variant"], run["scores"]["lds"] = "vae", second[seed]
        result["runs"].insert(0, run)  # seeds 2, 1, 0
    return result


def test_pairs_are_of_one_seed():
    """Differences .5, .6, .7: mean .6, standard error .1 / sqrt(3), t = 6 sqrt(3) on 2 degrees of freedom, whose
    distribution is known: p = 1 - t / sqrt(2 + t^2)."""
    found = results.paired(two_variants((0.4, 0.31, 0.22)), "auxvae", "vae", "lds")
    t = 6 * 3**0.5
    assert found.mean == pytest.approx(0.6) and found.n == 3
    assert found.p == pytest.approx(1 - t / (2 + t**2) ** 0.5)
    assert found.high - found.mean == pytest.approx(4.302653 * 0.1 / 3**0.5)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)


def test_pairs_of_two_experiments():
    other = two_variants((0.9, 0.91, 0.92))
    assert results.values(other, "vae", "lds").tolist() == [0.9, 0.91, 0.92]  # which the file holds in another order
    assert results.paired(EXAMPLE, "auxvae", "vae", "lds", other)[:4] == pytest.approx((0, 0, 0, 1))


def test_odd_pairs_are_refused():
    result = two_variants((0.4, 0.3, 0.2))
    del result["runs"][0]
    with pytest.raises(ValueError, match=r"auxvae and vae must have the same seeds, got \[0, 1, 2\] and \[0, 1\]"):
        results.paired(result, "auxvae", "vae", "lds")
    with pytest.raises(KeyError, match="no score 'mse' in example; there are ssim_image, lds"):
        results.values(result, "auxvae", "mse")
    with pytest.raises(KeyError, match="no variant 'ae' in example; there are vae, auxvae"):
        results.values(result, "ae", "lds")


def test_a_setting_is_chosen_by_its_mean_on_validation_rows():
    result = two_variants((0.4, 0.3, 0.2))
    for run in result["runs"]:  # auxvae has the best seed and the best test score, vae the better mean
        seeds = {"auxvae": (0.1, 0.9, 0.8), "vae": (0.3, 0.4, 0.5)}[run["variant"]]
        run["scores"] |= {"validation_product": seeds[run["seed"]], "product": 0.5 - 0.4 * (run["variant"] == "auxvae")}
    assert results.chosen(result, ("auxvae", "vae")) == "vae"
    assert results.chosen(result, ["auxvae"]) == "auxvae"
    with pytest.raises(KeyError, match="no variant 'ae'"):
        results.chosen(result, ("ae",))


def test_one_number_has_no_interval():
    with pytest.raises(ValueError, match="at least two seeds, got 1"):
        results.interval([0.5])
    assert results.interval([0.5, 0.5])[:4] == (0.5, 0.5, 0.5, 0.0)


def test_a_summary_shows_spread_references_and_numbers():
    text = results.summary(two_variants((0.4, 0.3, 0.2)), {"lds": "LDS", "ssim_image": "SSIM"}, {"vae": "VAE"})
    assert [line.split() for line in text.splitlines()] == [
        ["LDS", "SSIM"],
        ["VAE", "0.300", "±0.100", "0.970", "±0.000"],
        ["floor", "0.250"],
        ["mean", "and", "sd", "of", "3", "seeds;", "8", "images", "to", "train,", "4", "to", "test"],
    ]


def renamed(experiment, variant, seeds, **changes):
    """A copy of the example as another experiment, with other seeds and scores, and the settings changed."""
    result = copy.deepcopy(EXAMPLE) | {"experiment": experiment}
    result["config"] |= {"variants": {variant: changes}}
    result["runs"] = [
        result["runs"][0] | {"variant": variant, "seed": seed, "scores": scores} for seed, scores in seeds.items()
    ]
    return result


def test_one_pool_of_seeds_has_every_run_with_the_same_settings_once():
    first = renamed("first", "auxvae", {0: {"lds": 0.9, "corr_psf": 0.8}, 1: {"lds": 0.7, "corr_psf": 0.6}})
    among = [
        renamed("more", "recipe", {2: {"lds": 0.5, "best_psf": 0.7}, 0: {"lds": 0.9, "best_psf": 0.81, "mse": 1.0}}),
        first,
        renamed("rounded", "again", {0: {"lds": 0.8, "corr_psf": 0.5}}, threads=2),
        renamed("other", "auxvae", {7: {"lds": 0.1}}, epochs=25),
        renamed("other factors", "auxvae", {8: {"lds": 0.1}}, factors=["flux"]),
    ]
    found = results.pool(first, "auxvae", among)
    assert [run["seed"] for run in found] == [0, 0, 1, 2]
    assert found[0]["scores"] == {"lds": 0.9, "best_psf": 0.81, "mse": 1.0, "corr_psf": 0.8}, "two copies are one run"
    assert found[1]["scores"] == {"lds": 0.8, "corr_psf": 0.5}, "another rounding is another run"
    lds, psf, mse = (results.spread(found, *names) for names in (("lds",), ("corr_psf", "best_psf"), ("mse",)))
    assert lds == pytest.approx((0.725, (0.0875 / 3) ** 0.5, 0.5, 0.9, 3, 4))
    assert psf == pytest.approx((0.65, (0.05 / 3) ** 0.5, 0.5, 0.8, 3, 4))
    assert mse == (1.0, 0.0, 1.0, 1.0, 1, 1)
    with pytest.raises(KeyError, match="no score 'sap_r2' in these 4 runs"):
        results.spread(found, "sap_r2")
    with pytest.raises(KeyError):
        results.pool(first, "vae")
    assert copy.deepcopy(among[1]) == first, "what was read is left as it was"


def test_the_committed_pool_of_the_recipe_is_found_from_each_of_its_experiments():
    found = results.pool(results.load("galaxies-headline"), "auxvae")
    seeds = [run["seed"] for run in found]
    assert {seed: seeds.count(seed) for seed in seeds} == {0: 4, 1: 4, 2: 4, 3: 2, 4: 2} | dict.fromkeys(
        range(5, 10), 1
    )
    assert {run["threads"] for run in found} == {1, 2}
    for name, variant in (
        ("galaxies-threads", "2 threads"),
        ("galaxies-baselines", "auxvae, lambda_2 0.6"),
        ("galaxies-coverage", "case 1"),
        ("galaxies-extremes", "recipe"),
        ("galaxies-differences", "ours"),
        ("galaxies-mended", "paper, case 1"),
    ):
        assert results.pool(results.load(name), variant) == found, name
    for run in found:  # a guided latent's own correlation is the largest that any latent has with the factor
        for factor in ("flux", "radius", "g1", "g2", "psf"):
            one, two = (run["scores"].get(f"{kind}_{factor}") for kind in ("corr", "best"))
            assert None in (one, two) or abs(one - two) < 1e-12


def test_a_pools_table_has_a_run_beside_it():
    runs = EXAMPLE["runs"]
    assert [line.split() for line in results.pool_table(runs, (("lds",),), {"lds": 0.5}).splitlines()] == [
        ["this", "run", "mean", "sd", "lowest", "highest", "seeds", "runs", "read", "against"],
        ["lds", "0.5000", "0.9100", "0.0100", "0.9000", "0.9200", "3", "3", "floor", "0.25,", "live", "10"],
    ]
    assert "this run" not in results.pool_table(runs, (("lds",),))


@pytest.mark.filterwarnings("ignore:.*found in sys.modules after import of package:RuntimeWarning")
def test_the_command_shows_each_run_beside_its_pool(tmp_path, monkeypatch, capsys):
    headline = results.load("galaxies-headline")
    results.save(tmp_path / "mine.json", headline | {"runs": headline["runs"][:1]})
    results.save(tmp_path / "other.json", EXAMPLE | {"config": {"variants": {"auxvae": {}}}})
    monkeypatch.setattr(sys, "argv", ["results", f"{tmp_path}/mine.json", f"{tmp_path}/other.json", "--pool"])
    runpy.run_module("auxvae_lite.study.results", run_name="__main__")
    shown = capsys.readouterr().out
    mine, *_ = [line.split() for line in shown.splitlines() if line.startswith("lds_normalised")]
    assert mine == ["lds_normalised", "0.9916", "0.9500", "0.0575", "0.7797", "1.0043", "10", "21"]
    assert "galaxies-headline, auxvae, seed 0, beside 21 stored runs\n" in shown
    assert "example, auxvae, seed 2, beside 0 stored runs\n" in shown
