"""Baselines: objectives by hand, which gradient goes where, what is hidden, and the VAE as a special case."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from test_checkpoints import BATCHES, assert_same, stopping
from test_training import TINY, sheared, squares
from torch import nn

from auxvae_lite import training
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.metrics import correlations
from auxvae_lite.models import AuxVAE, Output, Posterior
from auxvae_lite.study import baselines
from auxvae_lite.study.baselines import (
    IDVAE,
    DoubleOutput,
    Supervised,
    fit_idvae,
    fit_supervised,
    idvae_terms,
    supervised_terms,
)
from auxvae_lite.training import Config, evaluate, fit, measure, terms, total

SHAPE, FACTORS = (1, 16, 16), ("a", "b")


def make(model_class, latent_dim=3, seed=0):
    torch.manual_seed(seed)
    return model_class(SHAPE, FACTORS, latent_dim, (4, 4, 8, 8))


def rows(B, seed=0, K=2):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(B, *SHAPE, generator=generator), torch.randn(B, K, generator=generator)


def states(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def part(model, *names):
    return {name: tensor for name, tensor in states(model).items() if name.split(".")[0] in names}


def same(first, second):
    assert first.keys() == second.keys()
    return all(torch.equal(tensor, second[name]) for name, tensor in first.items())


# The VAE


def vae_loss(model, x, beta, sigma, generator):
    """A plain VAE as in Kingma and Welling 2014, appendix B, with a Gaussian likelihood of known noise; per pixel."""
    code = model.encoder(x)
    mu, logvar = code[:, : model.latent_dim], code[:, model.latent_dim :]
    z = mu + torch.exp(logvar / 2) * torch.randn(mu.shape, dtype=mu.dtype, generator=generator)
    sse = torch.sum((x - model.decoder(z[:, :, None, None])) ** 2)
    kl = -0.5 * torch.sum(1 + logvar - mu**2 - torch.exp(logvar))
    return (sse / (2 * sigma**2) + beta * kl) / x.numel(), kl / x.numel()


@pytest.mark.parametrize("beta", [1.0, 0.0, 4.0])
def test_without_factors_it_is_the_vae_and_beta_multiplies_the_kl_alone(beta):
    torch.manual_seed(0)
    model = AuxVAE(SHAPE, (), 5, (4, 4, 8, 8)).double().train()
    x, u = rows(12)[0].double(), torch.zeros(12, 0, dtype=torch.float64)
    expected, kl = vae_loss(model, x, beta, 0.3, torch.Generator().manual_seed(1))
    theirs = torch.autograd.grad(expected, list(model.parameters()))
    weights = ({}, {"lambda_1": 7.0, "lambda_2": 9.0}, {"degree": 1, "reading": "multiple"})
    for changes, variance in zip(weights, (1.0, 1e-4, 50.0), strict=True):
        config = Config(factors=(), beta=beta, sigma=0.3, **changes)
        parts = terms(config, model(x, torch.Generator().manual_seed(1), u), x, u, variance)
        loss = total(config, parts, x[0].numel())
        torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
        ours = torch.autograd.grad(loss, list(model.parameters()))
        for (name, _), mine, other in zip(model.named_parameters(), ours, theirs, strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-12, msg=name)
    plain, _ = vae_loss(model, x, 1.0, 0.3, torch.Generator().manual_seed(1))
    torch.testing.assert_close(expected - plain, (beta - 1) * kl, rtol=1e-10, atol=1e-12)


def test_without_factors_the_guides_weights_do_not_change_the_training():
    data = squares()
    plain = fit(Config(**TINY, factors=()), data)
    other = fit(Config(**TINY, factors=(), lambda_1=7.0, lambda_2=9.0, prior_variance=50.0), data)
    assert same(states(plain.model), states(other.model))
    assert plain.history[-1]["loss"] == other.history[-1]["loss"]
    assert not same(states(plain.model), states(fit(Config(**TINY, factors=(), beta=4.0), data).model))


# IDVAE


def test_idvaes_terms_by_hand():
    """Row 1 by hand; row 2 is perfect and of prior N(0, 1), so that each mean is half of row 1.

    4 pixels off by .1, sigma .1:               R  = 4 * .01 / (2 * .01)                                 = 2
    mu 1, sigma 1, prior mean -1 and std 2:     KL = (ln 4 - 1 + (1 + 2^2) / 4) / 2 = (1.386294 + .25) / 2 = .818147
    u (1, 0), u_hat (.5, 2):                    .25 + 4                                                  = 4.25
    the prior against N(0, 1):                  (4 + 1 - 1 - ln 4) / 2                                   = 1.306853
    gamma .5:                                   4.25 + .653426                                           = 4.903426
    beta 2:                                     (2 + 1.636294) / 4 + 4.903426                            = 5.8125
    """
    x = torch.full((2, 1, 2, 2), 0.5)
    x_hat = x + torch.tensor([0.1, 0.0]).view(2, 1, 1, 1)
    zero = torch.zeros(2, 1)
    posterior = Posterior(torch.tensor([[1.0], [0.0]]), zero)
    prior = Posterior(torch.tensor([[-1.0], [0.0]]), torch.tensor([[math.log(4)], [0.0]]))
    u, u_hat = torch.tensor([[1.0, 0.0], [3.0, 3.0]]), torch.tensor([[0.5, 2.0], [3.0, 3.0]])
    config = Config(sigma=0.1, beta=2.0, lambda_1=1.0, lambda_2=0.5)
    output = DoubleOutput(x_hat, posterior, posterior.mu, prior, u_hat)
    parts = idvae_terms(config, output, x, u, prior_variance=1e-4)
    assert [2 * float(value) for value in parts] == pytest.approx([2, 0.818147, 4.903426, 0, 0, 0], abs=2e-6)
    assert 2 * float(total(config, parts, pixels=4)) == pytest.approx(5.8125, abs=1e-5)


def fixed(d=2):
    """An IDVAE whose factor networks are lines: prior mean 2 u, prior std .5, and u_hat = z_1 + 1, 3 z_2."""
    model = make(IDVAE, d)
    model.prior, model.factor_decoder = nn.Linear(2, 2 * d), nn.Linear(d, 2)
    with torch.no_grad():
        model.prior.weight.copy_(torch.cat([2 * torch.eye(2), torch.zeros(2, 2)]))
        model.prior.bias.copy_(torch.tensor([0.0, 0.0, math.log(0.25), math.log(0.25)]))
        model.factor_decoder.weight.copy_(torch.diag(torch.tensor([1.0, 3.0])))
        model.factor_decoder.bias.copy_(torch.tensor([1.0, 0.0]))
    return model


def test_factors_are_decoded_from_a_sample_of_their_prior():
    model = fixed()
    x, u = rows(1)[0].expand(4000, *SHAPE), torch.tensor([[0.5, -1.0]]).expand(4000, 2)
    mean = model.eval()(x, u=u)
    assert mean.prior.mu[0].tolist() == [1.0, -2.0] and mean.u_hat[0].tolist() == [2.0, -6.0]
    drawn = model.train()(x, torch.Generator().manual_seed(0), u)
    assert drawn.u_hat.mean(0).tolist() == pytest.approx([2.0, -6.0], abs=0.1)  # errors .008 and .024
    assert drawn.u_hat.std(0).tolist() == pytest.approx([0.5, 1.5], rel=0.05)  # errors 1.1 %
    noise = (drawn.z - drawn.posterior.mu) / (0.5 * drawn.posterior.logvar).exp()
    assert abs(correlations(noise.detach().numpy(), drawn.u_hat.detach().numpy())).max() < 0.08  # errors .016


def test_new_images_come_from_the_prior_of_their_factors():
    model, u = fixed().eval(), [[0.5, -1.0], [0.0, 1.0]]
    assert torch.equal(model.generate(u), model.decode([[1.0, -2.0], [0.0, 2.0]]))
    drawn = [model.generate(u, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def test_either_objective_reaches_its_own_networks_alone():
    model = make(IDVAE).train()
    x, u = rows(16)
    parts = idvae_terms(Config(), model(x, torch.Generator().manual_seed(0), u), x, u, 1.0)
    for loss, reached in (
        (parts.reconstruction, {"encoder", "decoder", "label"}),
        (parts.kl, {"encoder", "label"}),
        (parts.explicitness, {"prior", "factor_decoder"}),
    ):
        names, parameters = zip(*model.named_parameters(), strict=True)
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        for name, gradient in zip(names, gradients, strict=True):
            assert (gradient is not None and bool(gradient.abs().max() > 0)) == (name.split(".")[0] in reached), name


@pytest.mark.parametrize(("clip", "alone"), [(None, True), (1e-3, False)])
def test_one_adam_does_what_two_do_unless_the_gradient_is_cut(monkeypatch, clip, alone):
    def factors_only(*arguments):
        parts = idvae_terms(*arguments)
        return parts._replace(reconstruction=parts.reconstruction.detach(), kl=parts.kl.detach())

    config, data = Config(**TINY | {"clip": clip}), squares()
    joint, _ = fit_idvae(config, data)
    monkeypatch.setattr(baselines, "idvae_terms", factors_only)
    single, _ = fit_idvae(config, data)
    networks = "prior", "factor_decoder"
    assert same(part(joint, *networks), part(single, *networks)) == alone
    assert not same(part(joint, "encoder"), part(single, "encoder"))


def test_hidden_factors_do_not_reach_the_code():
    model = make(IDVAE).eval()
    x, u = rows(6)
    hidden = model.encode(x)
    output = model(x, u=u)
    assert torch.equal(output.posterior.mu, hidden.mu) and torch.equal(output.z, hidden.mu)
    torch.testing.assert_close(model(x, u=100 * u).posterior, output.posterior, rtol=0, atol=0)
    with torch.no_grad():
        model.label.weight.mul_(100)
    assert torch.equal(model.encode(x).mu, hidden.mu)
    shown, other = model.encode_with(x, u), model.encode_with(x, -u)
    assert (shown.mu - other.mu).abs().min() > 0 and (shown.mu - hidden.mu).abs().min() > 0


def test_half_of_the_images_show_their_factors_in_training():
    model = make(IDVAE).eval()
    x, u = rows(400)
    hidden, shown = torch.cat(model.encode(x), 1), torch.cat(model.encode_with(x, u), 1)
    model.training = True  # and batch norm stays as it is
    codes = [torch.cat(model(x, torch.Generator().manual_seed(seed), u).posterior, 1) for seed in (0, 0, 1)]
    is_hidden, is_shown = (torch.isclose(codes[0], code, atol=1e-6).all(1) for code in (hidden, shown))
    assert (is_hidden ^ is_shown).all() and 160 < is_shown.sum() < 240  # four standard errors about 200
    assert torch.equal(codes[0], codes[1]) and not torch.equal(codes[0], codes[2])


def test_the_share_that_is_shown_changes_the_training(monkeypatch):
    data, runs = squares(), {}
    for share in (0.0, 0.5, 1.0):
        monkeypatch.setattr(IDVAE, "shown_share", share)
        runs[share], _ = fit_idvae(Config(**TINY), data)
    torch.manual_seed(0)
    start = IDVAE(data.images.shape[1:], data.names, TINY["latent_dim"], TINY["widths"])
    assert torch.equal(runs[0.0].label.weight, start.label.weight)  # no factor was ever seen
    assert not torch.equal(runs[0.5].label.weight, runs[1.0].label.weight)
    assert not torch.equal(runs[0.0].encode(data.images).mu, runs[0.5].encode(data.images).mu)


def test_a_factor_that_no_pixel_shows_leaks_into_the_code_only_if_shown():
    data = squares(256)
    secret = np.random.default_rng(5).uniform(0, 1, (256, 1))
    data = FactorDataset(data.images, np.hstack([data.factors, secret]), [*data.names, "secret"])
    model, history = fit_idvae(Config(**TINY | {"epochs": 30, "latent_dim": 5, "sigma": 1.0}), data, gamma=0.1)
    hidden, shown = (
        LinearRegression().fit(code.mu, secret).score(code.mu, secret)  # R^2; by chance 5/255
        for code in (model.encode(data.images), model.encode_with(data.images, data.factors))
    )

    assert hidden < 0.1 and shown > 0.9
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert history[-1]["explicitness"] < 0.5 * history[0]["explicitness"]


def test_gamma_goes_through_the_config():
    config = Config(**TINY, lambda_1=0.3, lambda_2=0.4)
    model, _ = fit_idvae(config, squares(), gamma=2.0)
    kept = model.provenance["config"]
    assert (kept["lambda_1"], kept["lambda_2"]) == (1.0, 2.0)
    assert not same(states(model), states(fit_idvae(config, squares())[0]))
    row = fit_idvae(config, squares(), squares(20, seed=1)).history[-1]
    P, R, kl, explicitness = 784, *(row[f"validation_{name}"] for name in ("reconstruction", "kl", "explicitness"))
    assert row["validation_loss"] == pytest.approx((R + kl) / P + explicitness)


@pytest.mark.parametrize(
    "changes", [{"factors": ("side", "brightness")}, {"augment": "shear"}, {"precision": "bfloat16"}]
)
@pytest.mark.parametrize("train", [fit_idvae, fit_supervised])
def test_options_and_scores_are_finite(train, changes):
    data = sheared(squares())
    model, history = train(Config(**TINY | {"epochs": 1} | changes), data, data.rows(slice(0, 10)))
    assert all(math.isfinite(value) for value in (*history[0].values(), *evaluate(model, data).scores.values()))


@pytest.mark.filterwarnings("ignore:posterior collapse")  # some latents of an IDVAE are idle, and none has a name
@pytest.mark.parametrize("train", [fit_idvae, fit_supervised])
def test_two_epochs_and_two_are_four(monkeypatch, tmp_path, train):
    data, config, name = squares(), Config(**TINY | {"epochs": 4}), train.__name__.removeprefix("fit_") + "_terms"
    whole = train(config, data, checkpoint=tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(baselines, name, stopping(2 * BATCHES + 3, getattr(baselines, name)))
        with pytest.raises(KeyboardInterrupt):
            train(config, data, checkpoint=tmp_path / "stopped")
    torch.manual_seed(99)
    resumed = train(config, data, checkpoint=tmp_path / "stopped")
    assert_same(tmp_path / "stopped", tmp_path / "whole")
    assert same(states(whole.model), states(resumed.model))
    loaded = type(whole.model).load(tmp_path / "whole")
    assert same(states(whole.model), states(loaded))


def test_idvae_takes_one_factor():
    data = squares()
    model, history = fit_idvae(Config(**TINY, factors=("side",)), data)
    assert math.isfinite(history[-1]["loss"]) and model.generate([[5.0]]).shape == (1, 1, 28, 28)


def test_saved_models_come_back_equal(tmp_path):
    data = squares()
    model, _ = fit_idvae(Config(**TINY), data)
    model.save(tmp_path / "m.safetensors")
    read = IDVAE.load(tmp_path / "m.safetensors")
    config = Config(**read.provenance["config"])
    assert evaluate(read, data) == evaluate(model, data)
    assert measure(read, config, data, 1.0, idvae_terms) == measure(model, config, data, 1.0, idvae_terms)
    for first, second in zip(*(m.encode_with(data.images, data.factors) for m in (read, model)), strict=True):
        assert torch.equal(first, second)
    with pytest.raises(ValueError, match="holds IDVAE, not AuxVAE"):
        AuxVAE.load(tmp_path / "m.safetensors")


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"got none; for a VAE, use AuxVAE with factors=\(\)"):
        IDVAE(SHAPE)
    with pytest.raises(ValueError, match="got 3 for a, b; fit_supervised sets latent_dim"):
        make(Supervised)
    with pytest.raises(ValueError, match="got 1 for none"):
        fit_supervised(Config(**TINY, factors=()), squares())
    model = make(IDVAE).eval()
    x, u = rows(2)
    with pytest.raises(ValueError, match="forward pass needs the factors"):
        model(x)
    with pytest.raises(ValueError, match="a column for each of a, b"):
        model.encode_with(x, u[:, :1])
    with pytest.raises(ValueError, match="'a' by name; give an index, 0 to 2"):
        model.traverse(x[0], "a", [0.0])
    assert model.traverse(x[0], 2, [0.0, 1.0]).shape == (2, *SHAPE)


# Supervised


def test_supervised_terms_by_hand():
    """4 pixels off by .1, sigma .1: R = 2. mu (1, 1), u (0, 3), variance .25: (1 + 4) / (2 * .25) = 10."""
    mu, logvar = torch.tensor([[1.0, 1.0]]), torch.tensor([[0.3, -2.0]])
    x_hat, u = torch.full((1, 1, 2, 2), 0.6), torch.tensor([[0.0, 3.0]])
    config, x = Config(sigma=0.1), torch.full((1, 1, 2, 2), 0.5)
    parts = supervised_terms(config, Output(x_hat, Posterior(mu, logvar), mu), x, u, 0.25)
    assert [float(value) for value in parts] == pytest.approx([2, 10, 0, 0, 0, 0])
    far, near = (training.terms(config, Output(x_hat, Posterior(m, logvar), m), x, u, 0.25).kl for m in (mu, u))
    assert float(far - near) == pytest.approx(10, rel=1e-5)  # the rest of the Aux-VAE's KL does not know the mean


def test_labels_teach_the_encoder_and_pictures_the_decoder():
    model = make(Supervised, 2).train()
    x, u = rows(16)
    output = model(x)
    assert torch.equal(output.z, output.posterior.mu)
    parts = supervised_terms(Config(), output, x, u, 1.0)
    for loss, reached in ((parts.reconstruction, "decoder"), (parts.kl, "encoder")):
        names, parameters = zip(*model.named_parameters(), strict=True)
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        for name, gradient in zip(names, gradients, strict=True):
            assert (gradient is not None and bool(gradient.abs().max() > 0)) == (name.split(".")[0] == reached), name


def test_supervision_learns_the_factors_and_the_pictures():
    data = squares(256)
    model, history = fit_supervised(Config(**TINY | {"epochs": 20, "latent_dim": 9}), data)
    scores, _ = evaluate(model, data)

    assert model.latent_dim == model.provenance["config"]["latent_dim"] == 2
    assert min(scores["corr_brightness"], scores["corr_side"]) > 0.9
    assert history[-1]["reconstruction"] < 0.5 * history[0]["reconstruction"]
