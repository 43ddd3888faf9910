"""Training: the loss by hand, what a run learns, repeats, and refuses."""

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
import torch

from auxvae_lite.datasets import FactorDataset
from auxvae_lite.metrics import correlations, expected_null, lds, sap
from auxvae_lite.models import AuxVAE, Output, Posterior
from auxvae_lite.regularizers import explicitness, inter, intra
from auxvae_lite.simulators import galaxies
from auxvae_lite.training import (
    Config,
    Terms,
    evaluate,
    fit,
    latent_activity,
    measure,
    reconstruction,
    terms,
    total,
)

TINY = dict(widths=(4, 4, 8, 8), latent_dim=4, epochs=2, batch_size=16)


def squares(n=96, shape=(1, 28, 28), seed=0):
    """Bright squares whose brightness and side are the factors."""
    rng = np.random.default_rng(seed)
    brightness, side = rng.uniform(50, 100, n), rng.integers(3, 12, n)
    y, x = np.abs(np.indices(shape[1:]) - np.array(shape[1:])[:, None, None] // 2)
    masks = np.maximum(y, x)[None, None] <= side[:, None, None, None]
    images = np.broadcast_to(masks * brightness[:, None, None, None], (n, *shape)) + rng.uniform(0, 1, (n, *shape))
    return FactorDataset(images, np.column_stack([brightness, side]), ["brightness", "side"])


def sheared(data):
    """The same images with two more columns, as `augment="shear"` asks for."""
    shear = np.random.default_rng(0).uniform(-0.3, 0.3, (len(data), 2))
    return FactorDataset(data.images, np.hstack([data.factors, shear]), [*data.names, "g1", "g2"])


def output(B, shape=(1, 33, 33), d=10, error=0.1):
    posterior = Posterior(torch.ones(B, d), torch.zeros(B, d))
    return Output(torch.full((B, *shape), error), posterior, posterior.mu), torch.zeros(B, *shape)


@pytest.mark.parametrize("B", [1, 8, 64])
def test_the_scale_of_the_loss_by_hand(B):
    out, x = output(B)
    parts = terms(Config(sigma=1.0), out, x, torch.zeros(B, 0), 1.0)
    assert float(parts.reconstruction) == pytest.approx(5.445, rel=1e-5)
    assert float(parts.kl) == pytest.approx(5.0, rel=1e-6)
    assert float(total(Config(beta=4.0), parts, pixels=1)) == pytest.approx(25.445, rel=1e-5)
    assert terms(Config(), out, out.x_hat, torch.zeros(B, 0), 1.0).reconstruction == 0


def test_every_term_enters_the_loss_with_its_own_weight():
    parts = Terms(*torch.tensor([100.0, 10.0, 3.0, 2.0, 1.0]))
    config = Config(beta=2.0, lambda_1=0.5, lambda_2=0.25)
    assert float(total(config, parts, pixels=50)) == pytest.approx((100 + 2 * 10) / 50 + 0.5 * (3 + 2) + 0.25 * 1)


@pytest.mark.parametrize(("degree", "reading"), [(1, "powers"), (3, "powers"), (2, "multiple")])
def test_guided_latents_meet_their_factors_and_free_ones_are_kept_from_them(degree, reading):
    generator = torch.Generator().manual_seed(0)
    mu, u = torch.randn(40, 5, generator=generator), torch.randn(40, 2, generator=generator)
    out = Output(torch.zeros(40, 1, 16, 16), Posterior(mu, torch.zeros_like(mu)), mu)
    parts = terms(Config.paper(degree=degree, reading=reading), out, out.x_hat, u, 1.0)
    aux, recon = mu.split([2, 3], dim=1)
    by_hand = explicitness(aux, u, 1, reading), intra(aux, u, 1, reading), inter(recon, u, degree, reading)
    torch.testing.assert_close(parts[2:5], by_hand)


def test_reconstruction_scales_with_sigma_and_guided_kl_with_the_prior():
    out, x = output(4)
    u = torch.zeros(4, 2)
    one, half = (terms(Config(sigma=s), out, x, u, 1.0) for s in (1.0, 0.5))
    assert float(half.reconstruction) == pytest.approx(4 * float(one.reconstruction))
    tight = terms(Config(), out, x, u, 0.01)
    by_hand = 2 * 0.5 * (100 - 1 - math.log(100) + 100) + 8 * 0.5
    assert float(tight.kl) == pytest.approx(by_hand, rel=1e-5)


def test_bernoulli_reconstruction_by_hand():
    config = Config(likelihood="bernoulli")
    x = torch.tensor([1.0, 0.0, 1.0, 0.25]).reshape(1, 1, 2, 2)
    logits = torch.tensor([0.0, 0.0, math.log(3), math.log(3)]).reshape(1, 1, 2, 2)  # p = 1/2, 1/2, 3/4, 3/4
    by_hand = 2 * math.log(2) - math.log(3 / 4) - (0.25 * math.log(3 / 4) + 0.75 * math.log(1 / 4))
    assert float(reconstruction(config, logits, x)) == pytest.approx(by_hand, rel=1e-6)
    assert float(reconstruction(config, logits.repeat(5, 1, 1, 1), x.repeat(5, 1, 1, 1))) == pytest.approx(by_hand)
    ones = torch.bernoulli(torch.full((3, 1, 8, 8), 0.3), generator=torch.Generator().manual_seed(0))
    logits = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    exact = -torch.distributions.Bernoulli(logits=logits).log_prob(ones).sum((1, 2, 3)).mean()
    torch.testing.assert_close(reconstruction(config, logits, ones), exact)


def test_bernoulli_is_finite_where_the_decoder_is_certain_and_wrong():
    logits = torch.tensor([200.0, -200.0]).reshape(1, 1, 1, 2).requires_grad_()
    R = reconstruction(Config(likelihood="bernoulli"), logits, torch.tensor([[[[0.0, 1.0]]]]))
    R.backward()
    assert R.item() == pytest.approx(400)
    assert logits.grad.flatten().tolist() == [1, -1]


@pytest.mark.parametrize("scaling", ["minmax", "asinh"])
def test_bernoulli_models_learn_and_decode_probabilities(scaling, tmp_path):
    images = squares(256).images > 40
    data = FactorDataset(images, squares(256).columns(["side"]), ["side"])
    config = Config(**TINY | {"epochs": 8, "likelihood": "bernoulli", "image_scaling": scaling})
    model, history = fit(config, data)
    assert history[-1]["reconstruction"] < 0.7 * history[0]["reconstruction"] < 28 * 28 * math.log(2)
    x_hat = model.decode(model.encode(images).mu)
    assert 0 <= x_hat.min() < 0.2 < 0.8 < x_hat.max() <= 1
    model.save(tmp_path / "model.safetensors")
    again = AuxVAE.load(tmp_path / "model.safetensors")
    assert again.likelihood == "bernoulli"
    assert torch.equal(again.decode(again.encode(images).mu), x_hat)


def test_bernoulli_refuses_pixels_outside_0_to_1():
    config = Config(**TINY | {"likelihood": "bernoulli", "image_scaling": "standard"})
    with pytest.raises(ValueError, match=r"scaled pixels in \[0, 1\], got -.*image_scaling='minmax'"):
        fit(config, squares())
    with pytest.raises(ValueError, match="likelihood must be one of gaussian, bernoulli; got 'bce'"):
        Config(likelihood="bce")
    with pytest.raises(ValueError, match="likelihood must be one of gaussian, bernoulli; got 'bce'"):
        AuxVAE((1, 28, 28), likelihood="bce")


def test_the_loss_reaches_every_parameter():
    torch.manual_seed(0)
    model = AuxVAE((1, 33, 33), ("a", "b"), widths=(4, 4, 8, 8)).train()
    x, u = torch.rand(16, 1, 33, 33), torch.randn(16, 2)
    for weights in ({}, {"lambda_1": 0.0, "lambda_2": 0.0}):
        model.zero_grad()
        config = Config(**weights)
        total(config, terms(config, model(x), x, u, 0.01), pixels=1089).backward()
        for name, parameter in model.named_parameters():
            assert torch.isfinite(parameter.grad).all() and parameter.grad.abs().max() > 0, name


def test_collapse_is_reported_latent_by_latent():
    data = squares()
    same = FactorDataset(data.images * 0 + np.eye(28), data.factors, data.names)  # nothing to tell images apart by
    with pytest.warns(UserWarning, match=r"0 of 4 latents are active; KL per latent [-\d.e]+(, [-\d.e]+){3}\."):
        model, _ = fit(Config(**TINY, factors=()), same)
    activity = latent_activity(model, same, 1.0)
    assert not activity.active.any() and activity.kl.shape == (4,)
    with pytest.warns(UserWarning, match="idle are brightness, side"):
        fit(Config(**TINY), same)


def test_a_latent_is_active_above_a_tenth():
    spread = torch.tensor([0.05, 0.09, 0.11, 1.0])
    mu = torch.tensor([[-1.0], [1.0]]) * spread
    posterior = Posterior(mu, torch.zeros_like(mu))
    model = AuxVAE((1, 16, 16), latent_dim=4)
    model.encode = lambda _: posterior
    activity = latent_activity(model, squares(2), 1.0)
    torch.testing.assert_close(activity.sd, spread)
    torch.testing.assert_close(activity.kl, spread**2 / 2)
    assert activity.active.tolist() == [False, False, True, True]


def test_batches_are_full_and_the_history_is_their_mean_over_rows():
    seen = []

    def watching(config, output, x, u, prior_variance):
        parts = terms(config, output, x, u, prior_variance)
        seen.append((len(x), prior_variance, torch.stack([*parts, total(config, parts, 784)]).tolist()))
        return parts

    data = squares(97)
    _, history = fit(Config(**TINY | {"epochs": 1, "batch_size": 30}), data, data, terms=watching)
    rows, variances, parts = zip(*seen, strict=True)
    assert rows == (33, 32, 32) * 2 and set(variances) == {1 / 97}
    for prefix, part in (("", slice(0, 3)), ("validation_", slice(3, 6))):
        means = [history[0][prefix + name] for name in (*Terms._fields, "loss")]
        assert means == pytest.approx(np.average(parts[part], axis=0, weights=rows[part]), rel=1e-5)


@pytest.mark.parametrize("clip", [0.5, None])
def test_gradients_are_cut_to_the_clip(clip):
    model, _ = fit(Config(**TINY | {"epochs": 1, "clip": clip}), squares())
    norm = math.sqrt(sum(float((parameter.grad**2).sum()) for parameter in model.parameters()))
    assert norm > 1 if clip is None else norm == pytest.approx(clip, rel=1e-4)


@pytest.mark.parametrize("schedule", ["one-cycle", "constant"])
def test_learning_rates_follow_the_schedule(monkeypatch, schedule):
    rates, step = [], torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self: (rates.append(self.param_groups[0]["lr"]), step(self)))
    fit(Config(**TINY | {"epochs": 5, "lr": 0.01, "schedule": schedule}), squares())

    def cosine(start, end, share):
        return end + (start - end) * (1 + math.cos(math.pi * share)) / 2

    peak, last = 0.3 * 31 - 1, 30
    cycle = [
        cosine(4e-4, 0.01, i / peak) if i < peak else cosine(0.01, 4e-8, (i - peak) / (last - peak)) for i in range(30)
    ]
    assert rates == pytest.approx(cycle if schedule == "one-cycle" else [0.01] * 30)


def test_evaluation_holds_the_metrics_of_all_factors_and_of_each_guided_latent():
    data = squares(40)
    model, _ = fit(Config(**TINY, factors=("side",)), data)
    scores, reference = evaluate(model, data)
    mu = model.encode(data.images).mu.numpy()
    assert (scores["lds"], scores["lds_normalised"]) == (lds(mu, data.factors).value, lds(mu, data.factors).normalised)
    assert scores["sap_r2"] == sap(mu, data.factors)
    assert scores["corr_side"] == pytest.approx(correlations(mu, data.factors)[0, 1])
    assert scores["corr_aux_recon"] == pytest.approx(np.abs(np.corrcoef(mu.T)[0, 1:]).mean())
    assert reference["corr_aux_recon"] == {"independent": expected_null(40)}


def test_training_learns_the_factors_and_the_images():
    train, validation, test = FactorDataset(*galaxies.simulate(2048, seed=0)).split(seed=0)
    model, history = fit(Config(epochs=8, batch_size=64), train, validation)
    scores, reference = evaluate(model, test)
    assert history[-1]["loss"] < 0.1 * history[0]["loss"]
    assert history[-1]["validation_loss"] < 0.2 * history[0]["validation_loss"]
    assert scores["ssim_image"] > 0.93 > reference["ssim_image"]["mean"] + 0.3
    assert min(scores[f"corr_{name}"] for name in ("flux", "radius", "g1", "g2")) > 0.9
    assert [len(history), len(history[0])] == [8, 15]


def test_the_same_seed_repeats_bit_for_bit_and_another_does_not():
    data = squares()
    runs = [fit(Config(**TINY, seed=seed), data) for seed in (0, 0, 1)]
    numbers = [[[row[name] for name in (*Terms._fields, "loss")] for row in run.history] for run in runs]
    assert numbers[0] == numbers[1] != numbers[2]
    for name, tensor in runs[0].model.state_dict().items():
        assert torch.equal(tensor, runs[1].model.state_dict()[name]), name


def test_training_leaves_the_callers_random_state_and_threads_alone():
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    fit(Config(**TINY, threads=2), squares())
    assert torch.equal(before, torch.get_rng_state()) and threads == torch.get_num_threads()


def test_validation_changes_nothing_and_measures_what_training_would():
    data = squares()
    alone, watched = fit(Config(**TINY), data), fit(Config(**TINY), data, squares(20, seed=1))
    assert alone.history[-1]["loss"] == watched.history[-1]["loss"]
    assert "validation_loss" in watched.history[-1] and "validation_loss" not in alone.history[-1]


def test_reconstruction_and_kl_do_not_depend_on_the_batch_size():
    data = squares(50)
    model, _ = fit(Config(**TINY), data)
    values = [measure(model, Config(**TINY | {"batch_size": B}), data, 0.01) for B in (8, 17, 50)]
    for name in ("reconstruction", "kl"):
        assert [row[name] for row in values[1:]] == pytest.approx([values[0][name]] * 2, rel=1e-5)


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 33, 33), (3, 64, 64)])
def test_own_arrays_of_any_shape_train(shape):
    data = squares(40, shape)
    model, history = fit(Config(**TINY | {"epochs": 1}), data)
    assert math.isfinite(history[0]["loss"])
    assert model.encode(data.images).mu.shape == (40, 4)


@pytest.mark.parametrize(
    "changes",
    [{"factors": ("side",)}, {"factors": ()}, {"latent_dim": 2}, {"augment": "shear"}, {"reading": "multiple"},
     {"schedule": "constant", "clip": None}, {"image_scaling": "log10", "factor_scaling": "minmax"}, {"batch_size": 95},
     {"precision": "bfloat16"}, {"prior_variance": 1.0}],
)  # fmt: skip
def test_every_option_gives_finite_numbers(changes):
    data = sheared(squares()) if "augment" in changes else squares()
    model, history = fit(Config(**TINY | {"epochs": 1} | changes), data, data.rows(slice(0, 10)))
    assert all(math.isfinite(value) for value in history[0].values())
    scores, reference = evaluate(model, data)
    assert all(math.isfinite(value) for value in scores.values())
    assert reference["lds"]["n"] == 96


def test_two_rows_train_and_one_does_not():
    assert math.isfinite(fit(Config(**TINY), squares().rows(slice(0, 2))).history[-1]["loss"])
    with pytest.raises(ValueError, match="at least 2 rows, got 1"):
        fit(Config(**TINY), squares().rows(slice(0, 1)))


def test_bad_data_and_factors_are_named():
    data = squares()
    with pytest.raises(ValueError, match="no factor 'mass'; the data have brightness, side"):
        fit(Config(**TINY, factors=["mass"]), data)
    with pytest.raises(ValueError, match="got 1 for brightness, side"):
        fit(Config(**TINY | {"latent_dim": 1}), data)
    constant = FactorDataset(data.images, data.factors * [1, 0], data.names)
    with pytest.raises(ValueError, match="factor 'side' is constant"):
        fit(Config(**TINY), constant)
    assert fit(Config(**TINY, factors=["brightness"]), constant).model.factors == ("brightness",)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda data: squares(20, shape=(1, 33, 33)), r"validation images have shape \(1, 33, 33\), training images"),
        (lambda data: FactorDataset(data.images, data.factors), "no factor 'brightness'; the data have u1, u2"),
        (lambda data: FactorDataset(2 * data.images, data.factors, data.names), "fitted on the training rows"),
    ],
)
def test_validation_rows_that_do_not_fit_are_refused_before_training(wrong, message):
    data = squares()
    config = Config(**TINY | {"likelihood": "bernoulli", "image_scaling": "minmax"})
    with pytest.raises(ValueError, match=message):
        fit(config, data, wrong(data), terms=None)  # which no batch could call


def test_a_loss_that_explodes_is_named():
    with pytest.raises(FloatingPointError, match=r"epoch 1, batch \d+: \w+ is (nan|inf)"):
        fit(Config(**TINY | {"lr": 1e30, "schedule": "constant", "epochs": 1}), squares())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"factors": "flux"}, r"write \['flux'\]"),
        ({"batch_size": 1}, "one row has no correlation"),
        ({"beta": -1.0}, "beta must be at least 0"),
        ({"prior_variance": 0.0}, "prior_variance must be above 0"),
        ({"prior_variance": None, "lr": None}, "lr must be a finite number, got None"),
        ({"sigma": 0.0}, "sigma must be above 0, got 0.0"),
        ({"softening": (20.0, 0.0)}, "softening must be a number above 0, or one for each channel"),
        ({"told_share": 1.0}, "told_share must be a share, from 0 to below 1, got 1.0"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"epochs": 2.5}, "epochs must be a whole number, got 2.5"),
        ({"latent_dim": "10"}, "latent_dim must be a whole number, got '10'"),
        ({"threads": True}, "threads must be a whole number, got True"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"widths": (16, 0)}, "each of widths must be at least 2, got 0"),
        ({"factors": ("flux", "g1", "flux")}, "factors must differ, got flux, g1, flux"),
        ({"lr": float("nan")}, "lr must be a finite number, got nan"),
        ({"lambda_1": float("inf")}, "lambda_1 must be a finite number, got inf"),
        ({"augment": "spin"}, "augment must be one of none, shear"),
        ({"precision": "half"}, "precision must be one of float32, bfloat16"),
        ({"image_scaling": "sqrt"}, "image_scaling must be one of"),
        ({"reading": "mine"}, "reading must be one of powers, multiple"),
    ],
)
def test_impossible_configs_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Config(**changes)


def test_a_config_takes_numpys_numbers():
    config = Config(seed=np.arange(3)[2], widths=np.array([4, 8]))
    assert json.dumps(asdict(config)) == json.dumps(asdict(Config(seed=2, widths=(4, 8))))


def test_the_model_remembers_how_it_was_trained(tmp_path):
    data = squares()
    model, _ = fit(Config(**TINY), data)
    model.save(tmp_path / "m.safetensors")
    read = AuxVAE.load(tmp_path / "m.safetensors")
    assert read.provenance["config"]["epochs"] == 2
    assert read.provenance["prior_variance"] == 1 / 96
    assert evaluate(read, data) == evaluate(model, data)


def test_symmetries_of_a_square_are_refused_for_other_images():
    data = FactorDataset(np.random.default_rng(0).random((8, 1, 16, 20)), np.random.default_rng(1).random((8, 2)))
    with pytest.raises(ValueError, match="needs square images, got 16 x 20: use 'none'"):
        fit(Config(**TINY | {"augment": "shear"}), data)


def test_a_learned_sigma_is_the_best_of_each_batch():
    """R with the best sigma, (5.8), and the constant that depends on it."""
    x, x_hat = torch.rand(4, 1, 16, 16), torch.rand(4, 1, 16, 16)
    best = (x_hat - x).square().mean().sqrt()
    R = reconstruction(Config(sigma=float(best)), x_hat, x) + 256 * best.log()
    torch.testing.assert_close(reconstruction(Config(sigma=None), x_hat, x), R)
    around = [reconstruction(Config(sigma=float(best * f)), x_hat, x) + 256 * (best * f).log() for f in (0.9, 1.1)]
    assert min(around) > R
    assert reconstruction(Config(sigma=None), x, x).isfinite()
