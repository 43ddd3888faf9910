"""Runs of every method, their scores, and the script that keeps them."""

import copy
import json
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from auxvae_lite import older, training
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.models import Posterior
from auxvae_lite.simulators import galaxies
from auxvae_lite.study import results, runs
from auxvae_lite.training import Config

SCRIPTS = Path(__file__).resolve().parents[1] / "data_scripts"
SMALL = {"epochs": 1, "widths": (4, 4, 8, 8), "augment": "shear"}


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import make_evidence

    return make_evidence


def small(method, **changes):
    options = {name: changes.pop(name) for name in ("n", "groups", "constant_noise") if name in changes}
    return runs.task(Config(**SMALL | changes), method, size=512, test_seed=7, **options)


@pytest.mark.parametrize("method", runs.METHODS)
def test_every_method_runs_and_says_how(method):
    changes = {"latent_dim": 5} if method == "supervised" else {}
    changes |= {"image_scaling": "minmax"} if method in ("log10", "authors") else {}
    found = runs.run(json.loads(json.dumps(small(method, **changes))))
    json.dumps(found, allow_nan=False)
    assert found["n"] == {"train": 358, "validation": 103, "test": 512}
    assert found["scores"].keys() >= {"mse", "validation_product", "lds3_normalised", "best_psf", "others_linear_g1"}
    assert found["scores"]["product"] == pytest.approx(found["scores"]["mse"] * (1 - found["scores"]["lds"]))


def test_a_run_repeats_and_belongs_to_its_seed():
    first, again, other = (runs.run(small("auxvae", seed=seed))["scores"] for seed in (0, 0, 1))
    assert first == again and first != other


def test_groups_add_scores():
    scores = runs.run(small("auxvae", groups=["traversal", "drops"]))["scores"]
    assert {"move_9_core", "move_d", "drop_aux_noise", "drop_recon_shuffle_sd"} <= scores.keys()
    plain = set(runs.run(small("auxvae", groups=None))["scores"])
    assert {name for name in plain - scores.keys() if not name.startswith(("corr", "told", "kurt"))} == {
        "generate_ssim"
    }
    mended = set(runs.run(small("auxvae", groups="generate"))["scores"])
    assert mended - plain == {
        *("generate_mean_ssim", "generate_zero_ssim", "nats_R", "nats_aux", "nats_free", "lds_live"),
        *(f"light_{where}_{share}" for where in ("sample", "mean", "zero") for share in (5, 50, 95)),
        *("moves_flux", "moves_radius", "moves_g1", "moves_g2"),
    }


def test_fewer_images_make_as_many_steps():
    """358 rows in batches of 128 are 2 steps; 128 of them are 1, so that one epoch becomes two."""
    found = runs.run(small("auxvae", n=128, groups=None))
    train, _, _ = FactorDataset(*galaxies.simulate(512, seed=0)).split(seed=0)
    model, _ = training.fit(Config(**SMALL | {"epochs": 2}), train.rows(slice(0, 128)))
    assert found["scores"] == training.evaluate(model, FactorDataset(*galaxies.simulate(512, seed=7)))[0]


def test_a_constant_rate_goes_on_from_fewer_epochs(tmp_path):
    run = partial(runs.run, checkpoints=tmp_path)
    whole = runs.run(small("auxvae", epochs=2, schedule="constant"))
    assert run(small("auxvae", epochs=1, schedule="constant"))["scores"] != whole["scores"]
    assert run(small("auxvae", epochs=2, schedule="constant"))["scores"] == whole["scores"]
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("n", [0, 1, 359])
def test_more_images_than_there_are_are_refused(n):
    with pytest.raises(ValueError, match=f"n must be from 2 to the 358 training images that there are, got {n}"):
        runs.run(small("auxvae", n=n))


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="no method 'gan'; choose one of auxvae, idvae"):
        runs.task(Config(), "gan")


class Oracle:
    """Knows each galaxy's factors, and draws without noise."""

    factors, latent_dim, guided, guided_dim = galaxies.NAMES, 7, True, 5

    def __init__(self, *data):
        self.known = {part.images.tobytes(): part.factors for part in data}

    def encode(self, images):
        u = torch.tensor(self.known[np.asarray(images).tobytes()], dtype=torch.float32)
        free = torch.randn(len(u), 2, generator=torch.Generator().manual_seed(len(u)))
        return Posterior(torch.cat([u, free], 1), torch.full((len(u), 7), -50.0))

    def decode(self, z):
        return torch.as_tensor(galaxies.render(np.asarray(z[:, :5], dtype=np.float64)))


def test_an_oracle_scores_like_one():
    data = FactorDataset(*galaxies.simulate(3000, seed=0))
    train, validation, test = data.split(seed=0)
    oracle = Oracle(train, validation, test, train.rows(slice(0, 10_000)))
    scores, reference = runs.score(oracle, train, validation, test)
    for name in galaxies.NAMES:
        assert scores[f"best_{name}"] == pytest.approx(1, abs=1e-6)
        assert scores[f"linear_{name}"] == pytest.approx(1, abs=1e-6)
        assert abs(scores[f"others_linear_{name}"]) < 0.1 and scores[f"others_neighbours_{name}"] < 0.1
    assert scores["ssim_clean"] > 0.999 and scores["mse"] < 1e-3
    assert scores["lds_normalised"] == pytest.approx(1, abs=0.1) and scores["lds_readout"] > scores["lds"]
    for name in ("sap_r2", "mig", "dci_d", "dci_c", "dci_i"):
        floor, ceiling = reference[name]["floor"], reference[name]["ceiling"]
        assert floor < 0.5 * ceiling and abs(scores[name] - ceiling) < 0.05
    assert reference["lds3"]["n"] == len(test)


def fake(calls, tasks):
    calls += tasks
    return [
        {"scores": {"lds": task["config"]["seed"] + task["config"]["beta"], "mse": 1.0}, "reference": {}, "threads": 1}
        | {"n": {"train": 1, "validation": 1, "test": 1}, "seconds": dict.fromkeys(("data", "train", "evaluate"), 1.0)}
        | {"machine": "here", "code": "c"}
        for task in tasks
    ]


def test_what_a_file_holds_is_not_run_again(script, tmp_path, monkeypatch):
    variants = {"one": {"beta": 1.0}, "four": {"beta": 4.0}}
    monkeypatch.setitem(script.EXPERIMENTS, "some", variants)
    out, calls = tmp_path / "some.json", []
    first = script.complete("some", range(2), out, partial(fake, calls))
    assert len(calls) == 4 and results.load(out) == first
    assert script.complete("some", range(2), out, partial(fake, calls)) == first and len(calls) == 4
    monkeypatch.setitem(script.EXPERIMENTS, "some", variants | {"four": {"beta": 5.0}})
    changed = script.complete("some", range(3), out, partial(fake, calls))
    assert [(task["config"]["beta"], task["config"]["seed"]) for task in calls[4:]] == [(5, 0), (5, 1), (1, 2), (5, 2)]
    assert results.values(changed, "four", "lds").tolist() == [5, 6, 7]
    monkeypatch.setattr(script, "TEST_SEED", 7)  # what all variants share
    script.complete("some", range(3), out, partial(fake, calls))
    assert len(calls) == 8 + 6


def test_a_new_setting_and_a_new_score_leave_what_is_committed_as_it_is(script, tmp_path, monkeypatch):
    """A made-up field of `Config`, given to every task, and a made-up score of every new run."""
    monkeypatch.setattr(script, "asdict", lambda config: asdict(config) | {"mood": "calm"})
    monkeypatch.setitem(script.EXPERIMENTS["galaxies-authors"]["60 epochs"], "mood", "calm")  # which names all settings
    monkeypatch.setitem(script.TOLERANCES, "mood_score", 0.1)
    name = "galaxies-authors"
    assert not script.held_runs(script.committed(name), script.settings(name))[0]
    monkeypatch.setitem(older.SETTINGS, "mood", "calm")
    test_nothing_that_is_committed_would_be_run_again(script)

    stored = results.load("galaxies-threads")
    out = tmp_path / "galaxies-threads.json"
    results.save(out, stored)
    newer = copy.deepcopy(stored["runs"][0]) | {"n": stored["n"], "machine": "m", "code": "c"}
    newer["scores"]["mood_score"] = 1.0
    newer["reference"] |= {"mood_score": {"floor": 0.0}}
    newer["reference"]["lds"] = newer["reference"]["lds"] | {"mood": 0.0}
    grown = script.complete("galaxies-threads", range(4), out, lambda tasks: [newer for _ in tasks])
    assert results.load(out) == grown and len(grown["runs"]) == 4
    assert grown["runs"][:3] == stored["runs"] and grown["runs"][3]["scores"] == stored["runs"][0]["scores"]
    assert script.repeat([("galaxies-threads", stored["runs"][0])], lambda tasks, folder: [newer]) == 0

    monkeypatch.setitem(older.SETTINGS, "mood", "wild")  # so it was made with other settings
    assert not script.held_runs(script.committed("galaxies-threads"), script.settings("galaxies-threads"))[0]


def test_nothing_that_is_committed_would_be_run_again(script):
    """A setting that a file words otherwise than the script costs its runs, hours for the authors' variant."""
    assert not set(script.PLANNED) & set(results.names())
    for name in script.EXPERIMENTS.keys() - set(script.PLANNED):
        held, _, _ = script.held_runs(script.committed(name), script.settings(name))
        places = product(script.own_seeds(name), script.EXPERIMENTS[name])
        assert held.keys() == set(places), name


@pytest.mark.parametrize(("moved", "wrong"), [((), 0), ((0,), 0), ((1,), 0), ((0, 1), 1)])
def test_a_sample_complains_of_a_score_that_is_outside_with_two_seeds(script, moved, wrong, capsys):
    stored = results.load("galaxies-factorial")["runs"]
    variant, asked = stored[0]["variant"], []

    def again(tasks, folder):
        seeds = [task["config"]["seed"] for task in tasks]
        asked.extend(seeds)
        found = copy.deepcopy(
            [run for seed in seeds for run in stored if (run["variant"], run["seed"]) == (variant, seed)]
        )
        for run in found:
            run["scores"]["ssim_image"] -= 0.02 * (run["seed"] in moved)
        return found

    assert script.repeat([("galaxies-factorial", stored[0])], again) == wrong
    assert asked == ([0, 1] if 0 in moved else [0])
    printed = capsys.readouterr().out
    assert printed.count("OUTSIDE") == len({*asked} & {*moved})
    complaint = f"outside with two seeds: galaxies-factorial, {variant}: ssim_image\n"
    assert printed.endswith(complaint if wrong else "all within their tolerances\n")


def test_of_repeats_with_other_rounding_few_are_outside_and_no_setting_with_two_seeds(script):
    """What FAILING and `repeat` rest on."""
    light, heavy = [], []
    for path in sorted((SCRIPTS.parent / "auxvae_lite/study/results/again").iterdir()):
        first, again = results.load(path.stem), results.load(f"again/{path.stem}")
        for run, repeated in zip(first["runs"], again["runs"], strict=True):
            config = script.task(path.stem, run["variant"], run["seed"])["config"]
            failing = max(config["lambda_1"], config["lambda_2"]) >= script.FAILING
            if run["scores"] != repeated["scores"]:
                reaches = script.reach(run, repeated, script.allowed(path.stem, run["variant"]))
                (heavy if failing else light).append((path.stem, run["variant"], max(reaches.values())))
    outside = [[place[:2] for place in found if place[2] > 1] for found in (light, heavy)]
    assert [len(light), len(heavy)] == [240, 12] and [len(found) for found in outside] == [2, 2]
    assert len(set(outside[0])) == 2


def test_a_sample_would_tell_most_settings_apart(script):
    """A tolerance that every other setting of the same experiment met would be none."""
    result = results.load("galaxies-extremes")
    limits = script.allowed("galaxies-extremes", "recipe")
    recipe, *others = results.by_variant(result)
    told = [
        any(
            abs(results.values(result, other, name)[0] - results.values(result, recipe, name)[0]) > limit
            for name, limit in limits.items()
        )
        for other in others
    ]
    assert np.mean(told) > 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sample", "0"], "--sample has nothing to repeat"),
        (["--sample", "4", "galaxies-authors"], "--sample has nothing to repeat"),
        (["galaxies-headline", "--seeds", "5"], "--seeds would replace the committed seeds"),
    ],
)
def test_the_script_refuses_to_do_nothing_or_to_overwrite(script, arguments, message, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["make_evidence.py", *arguments])
    with pytest.raises(SystemExit):
        script.main()
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "folder", "checkpoints"),
    [
        ([], "build/evidence", "build/evidence/checkpoints"),
        (["--out", "OUT/one.json"], "OUT/runs", "OUT/runs/checkpoints"),
        (["--scheduler", "tcp://host:8786"], "build/evidence", None),
    ],
)
def test_runs_are_kept_where_they_belong(script, arguments, folder, checkpoints, monkeypatch, tmp_path):
    """Beside a file of one's own, so that it never takes runs of `make evidence`; on no disk of a cluster's machine."""
    seen = {}

    def sweep(function, tasks, folder, **options):
        seen.update(folder=folder, **function.keywords)
        return fake([], tasks)

    def place(name):
        return name and script.ROOT / name.replace("OUT", str(tmp_path))

    monkeypatch.setattr(script.sweep, "run", sweep)
    monkeypatch.setattr(script.sweep, "connect", nullcontext)
    monkeypatch.setattr(script.results, "save", lambda *arguments: None)
    monkeypatch.setattr(script, "held_runs", lambda *arguments: ({}, [], []))
    arguments = [text.replace("OUT", str(tmp_path)) for text in arguments]
    monkeypatch.setattr("sys.argv", ["make_evidence.py", "galaxies-headline", *arguments])
    script.main()
    assert (seen["folder"], seen["checkpoints"]) == (place(folder), place(checkpoints))


def test_samples_are_drawn_from_what_takes_minutes(script):
    drawn = script.drawn(["galaxies-authors", "galaxies-threads", "galaxies-headline"], 9)
    assert [(name, run["seed"]) for name, run in sorted(drawn, key=lambda one: one[1]["seed"])] == [
        ("galaxies-headline", seed) for seed in range(3)
    ]
    variants = {run["variant"] for _, run in script.drawn(["galaxies-extremes"], 42)}
    assert len(variants) == 10 and not variants & {f"lambda_{i} = {value}" for i in (1, 2) for value in (10, 100)}
