"""What chapter 14 mends: the decoder's constant, the free latents' weight, what inter measures, and the scores."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from auxvae_lite import metrics, sensitivity, training
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.dependence import ROWS, distance_correlation, hsic, wrap
from auxvae_lite.divergences import kl_diag_normal
from auxvae_lite.models import AuxVAE, Output, Posterior
from auxvae_lite.regularizers import explicitness, inter, intra
from auxvae_lite.simulators import galaxies
from auxvae_lite.study.baselines import Supervised
from auxvae_lite.training import PAPER, Config, Terms, evaluate, fit, terms, total

TINY = {"widths": (4, 4, 8, 8), "latent_dim": 5, "epochs": 2, "batch_size": 32}
DATA = FactorDataset(*galaxies.simulate(192, seed=0))


@pytest.fixture(scope="module")
def plain():
    """The paper's objective: no constant, so the codes' mean is kept."""
    return fit(Config.paper(**TINY, factors=("flux", "radius")), DATA).model


@pytest.fixture(scope="module")
def mended():
    changes = {"decoder_bias": True, "beta_free": 16.0, "dependence": "distance"}
    return fit(Config(**TINY, **changes, factors=("flux", "radius")), DATA).model


def batch(n=96, d=5, K=2):
    generator = torch.Generator().manual_seed(0)
    mu, u = torch.randn(n, d, generator=generator), torch.randn(n, K, generator=generator)
    x = torch.zeros(n, 1, 16, 16)
    return Output(x, Posterior(mu, torch.full_like(mu, -1.0)), mu), x, u


def test_the_constant_gives_each_place_its_own_light():
    """Without it the first layer is linear: codes of mean 0 give every place the mean 0, whatever the weights."""
    z = torch.randn(4000, 10, 1, 1, generator=torch.Generator().manual_seed(0))
    z -= z.mean(0)
    without, with_it = (AuxVAE((1, 33, 33), decoder_bias=bias) for bias in (False, True))
    assert without.decoder[0](z).mean(0).abs().max() < 1e-5
    places = with_it.decoder[0](z[:1]).shape[1:]
    with torch.no_grad():
        with_it.decoder[1].bias.copy_(torch.arange(math.prod(places)).view(places) / 7)
    expected = with_it.decoder[1].bias.detach()
    torch.testing.assert_close(with_it.decoder[1](with_it.decoder[0](z)).mean(0), expected, rtol=0, atol=1e-4)
    assert len(with_it.state_dict()) == len(without.state_dict()) + 1


def test_the_constant_is_asked_for_saved_and_trained(mended, plain, tmp_path):
    assert mended.decoder_bias and not plain.decoder_bias
    assert mended.decoder[1].bias.abs().max() > 0
    for model in (mended, plain):
        model.save(tmp_path / "model.safetensors")
        read = AuxVAE.load(tmp_path / "model.safetensors")
        assert (read.decoder_bias, read.free_mean) == (model.decoder_bias, model.free_mean)
        u = DATA.columns(model.factors)[:4]
        assert torch.equal(read.generate(u, free="mean"), model.generate(u, free="mean"))


def test_a_model_without_the_constant_keeps_its_codes_mean(mended, plain):
    mu = plain.encode(DATA.images).mu
    np.testing.assert_allclose(plain.free_mean, mu[:, 2:].mean(0), rtol=1e-6)
    assert mended.free_mean == () and max(map(abs, plain.free_mean)) > 0.01
    u = DATA.columns(plain.factors)[:3]
    aux = plain.factor_scaling(torch.tensor(u)).float()
    middle = torch.cat([aux, torch.tensor(plain.free_mean).expand(3, 3)], dim=1)
    torch.testing.assert_close(plain.generate(u, free="mean"), plain.decode(middle))
    noise = torch.randn(3, 3, generator=torch.Generator().manual_seed(5))
    middle[:, 2:] += noise
    torch.testing.assert_close(plain.generate(u, torch.Generator().manual_seed(5)), plain.decode(middle))


def test_generate_draws_unless_it_is_told_not_to(mended):
    u = DATA.columns(mended.factors)[:2]
    torch.manual_seed(3)
    first, second = mended.generate(u), mended.generate(u)
    torch.manual_seed(3)
    assert torch.equal(first, mended.generate(u)) and not torch.equal(first, second)
    z = torch.cat([mended.factor_scaling(torch.tensor(u)).float(), torch.zeros(2, 3)], dim=1)
    assert torch.equal(mended.generate(u, free="mean"), mended.decode(z))
    with pytest.raises(ValueError, match='free must be "sample" or "mean", got \'zero\''):
        mended.generate(u, free="zero")


def test_the_free_latents_kl_has_a_weight_of_its_own():
    output, x, u = batch()
    parts = terms(Config.paper(), output, x, u, 0.01)
    free = kl_diag_normal(output.posterior.mu[:, 2:], output.posterior.logvar[:, 2:]).sum(1).mean()
    torch.testing.assert_close(parts.kl_free, free)
    one, four = (float(total(Config.paper(beta=2.0, beta_free=b), parts, pixels=10)) for b in (1.0, 4.0))
    assert four - one == pytest.approx(2 * 3 * float(free) / 10, rel=1e-5)
    assert one == pytest.approx(float(total(Config.paper(beta=2.0), parts._replace(kl_free=0.0), pixels=10)))


def test_without_guidance_the_weight_does_nothing():
    output, x, _ = batch()
    nothing = torch.zeros(96, 0)
    parts = [terms(Config.paper(beta_free=b), output, x, nothing, 0.01) for b in (1.0, 64.0)]
    losses = [total(Config.paper(beta_free=b), p, 10) for b, p in zip((1.0, 64.0), parts, strict=True)]
    assert parts[0].kl_free == 0 and losses[0] == losses[1] and parts[0].kl > 1


def test_each_dependence_is_its_function_on_the_free_means():
    output, x, u = batch()
    mu = output.posterior.mu
    aux, free = mu[:, :2], mu[:, 2:]
    by_hand = {
        None: inter(free, u, 3),
        "powers": inter(free, u, 3, "powers"),
        "multiple": inter(free, u, 3, "multiple"),
        "wrapped": inter(wrap(free), u, 3),
        "distance": distance_correlation(free[:ROWS], u[:ROWS]).sum(),
        "hsic": hsic(free[:ROWS], u[:ROWS]).sum(),
    }
    assert by_hand.keys() == set(training.DEPENDENCES)
    for dependence, value in by_hand.items():
        parts = terms(Config.paper(dependence=dependence), output, x, u, 0.01)
        torch.testing.assert_close(parts.inter, value, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(parts.explicitness, explicitness(aux, u))
        torch.testing.assert_close(parts.intra, intra(aux, u))
    assert len({round(float(value), 4) for value in by_hand.values()}) == 5  # None is the reading's, powers


def test_the_reading_stays_what_it_was():
    output, x, u = batch()
    old = terms(Config.paper(reading="multiple"), output, x, u, 0.01)
    aux, free = output.posterior.mu.split([2, 3], dim=1)
    torch.testing.assert_close(old.inter, inter(free, u, 3, "multiple"))
    torch.testing.assert_close(old.explicitness, explicitness(aux, u, reading="multiple"))


@pytest.mark.parametrize("dependence", training.DEPENDENCES)
@pytest.mark.parametrize("changes", [{"latent_dim": 2}, {"factors": ()}, {"batch_size": 2}, {}])
def test_every_dependence_trains_where_nothing_is_free_or_guided_or_a_batch_is_small(dependence, changes):
    config = replace(Config.paper(**TINY, factors=("flux", "radius")), dependence=dependence, beta_free=4.0, epochs=1)
    _, history = fit(replace(config, **changes), DATA.rows(slice(0, 48)))
    assert all(math.isfinite(value) for value in history[0].values())


def test_the_papers_objective_is_one_line_away():
    assert Config.paper() == Config(**PAPER) and Config.paper(epochs=3).epochs == 3
    assert Config.paper(lambda_2=1.2).lambda_2 == 1.2
    paper = Config.paper()
    assert (paper.decoder_bias, paper.beta_free, paper.dependence, paper.lambda_2) == (False, 1.0, None, 0.6)
    with pytest.raises(ValueError, match="dependence must be one of None, powers, multiple, wrapped, distance, hsic"):
        Config(dependence="mine")
    with pytest.raises(ValueError, match="beta_free must be at least 0"):
        Config(beta_free=-1.0)
    with pytest.raises(ValueError, match="decoder_bias must be one of False, True"):
        Config(decoder_bias="yes")


def test_terms_need_not_name_the_free_part():
    parts = Terms(*torch.tensor([100.0, 10.0, 3.0, 2.0, 1.0]))
    assert float(total(Config.paper(beta_free=64.0), parts, 50)) == float(total(Config.paper(), parts, 50))


def test_kurtosis_by_hand_and_of_known_shapes():
    rng = np.random.default_rng(0)
    z = np.column_stack([rng.standard_normal(200_000), rng.uniform(size=200_000), np.full(200_000, 0.1)])
    found = metrics.kurtosis(z)
    assert found[:2] == pytest.approx([3, 1.8], abs=0.05) and np.isnan(found[2])
    one = np.zeros((100, 1))
    one[0] = 1e6  # mean .01, variance .0099: (.99^4 + 99 * .01^4) / 100 / .0099^2
    assert metrics.kurtosis(one)[0] == pytest.approx((0.99**4 + 99 * 0.01**4) / 100 / 0.0099**2)
    with pytest.raises(ValueError, match="n at least 2"):
        metrics.kurtosis(np.zeros((1, 2)))


def test_told_sees_what_no_line_sees_and_noise_is_at_the_floor():
    rng = np.random.default_rng(0)
    u = rng.standard_normal((2000, 3))
    z = np.column_stack([u[:, 0] ** 2, np.sign(u[:, 0]), rng.standard_normal((2000, 1))])
    value, floor = sensitivity.told(z, u)
    assert value[0] > 0.8 > 0.1 > abs(value[1]) and abs(floor).max() < 0.2
    same = sensitivity.told(z, u)
    assert np.array_equal(same.value, value) and np.array_equal(same.floor, floor)


def test_new_scores_by_hand(mended):
    scores, reference = evaluate(mended, DATA, galaxies.render)
    mu, logvar = mended.encode(DATA.images)
    u = DATA.columns(mended.factors)
    images = mended.generate(u, torch.Generator().manual_seed(0)).numpy()
    assert scores["generate_ssim"] == pytest.approx(metrics.ssim(DATA.clean, images).mean())
    against = reference["generate_ssim"]
    assert against["floor"] == pytest.approx(metrics.ssim(DATA.clean, np.roll(images, 1, axis=0)).mean())
    mixed = np.column_stack([u, np.roll(DATA.factors[:, 2:], 1, axis=0)])
    ceiling = metrics.ssim(DATA.clean, galaxies.render(mixed).numpy()).mean()
    assert against["ceiling"] == pytest.approx(ceiling) and 0.3 < ceiling < 0.95
    sampled = Posterior(mu, logvar).sample(torch.Generator().manual_seed(0))[:, 2:].numpy()
    value, floor = sensitivity.told(sampled, u)
    assert [scores[f"told_by_free_{name}"] for name in mended.factors] == pytest.approx(value)
    assert [reference[f"told_by_free_{name}"]["floor"] for name in mended.factors] == pytest.approx(floor)
    varied = mu[:, 2:].numpy().var(0)
    live = np.flatnonzero(varied / (varied + logvar[:, 2:].exp().numpy().mean(0)) > 0.01)
    assert [name for name in scores if name.startswith("kurtosis")] == [f"kurtosis_{j}" for j in live]
    for j in live:
        assert scores[f"kurtosis_{j}"] == pytest.approx(metrics.kurtosis(mu[:, 2:].numpy())[j])
    assert scores["lds_ranks"] == pytest.approx(metrics.lds_ranks(mu.numpy(), DATA.factors).value)


def test_the_ceiling_is_the_truth_where_all_is_told_and_unknown_without_a_simulator(mended):
    every = fit(Config(**TINY | {"epochs": 1}, decoder_bias=True), DATA).model
    assert evaluate(every, DATA).reference["generate_ssim"]["ceiling"] == 1.0
    assert "ceiling" not in evaluate(mended, DATA).reference["generate_ssim"]
    without = FactorDataset(DATA.images, DATA.factors, DATA.names)
    assert "generate_ssim" not in evaluate(mended, without).scores


def test_a_latent_lives_by_the_share_of_its_spread_that_images_decide():
    """Shares .011 and .009; the scale of either does not matter."""
    mu = torch.tensor([[1.0, 1.0, 100.0], [-1.0, -1.0, -100.0]])  # variance 1, and 1e4
    logvar = torch.log(torch.tensor([[0.989 / 0.011, 0.991 / 0.009, 0.991e4 / 0.009]])).expand(2, 3)
    assert training.live_latents(Posterior(mu, logvar)).tolist() == [True, False, False]


def test_a_dead_latent_has_no_tails_and_few_rows_tell_nothing(mended):
    with torch.no_grad():
        weights = mended.encoder[-1].weight.clone()
        mended.encoder[-1].weight[2] = 0
    scores = evaluate(mended, DATA).scores
    with torch.no_grad():
        mended.encoder[-1].weight.copy_(weights)
    assert "kurtosis_0" not in scores and "told_by_free_flux" in scores
    assert not any(name.startswith("told") for name in evaluate(mended, DATA.rows(slice(0, 19))).scores)


def test_who_is_told_nothing_or_keeps_nothing_free_has_no_such_scores():
    vae = fit(Config.paper(**TINY | {"epochs": 1}, factors=()), DATA).model
    full = fit(Config.paper(**TINY | {"epochs": 1}), DATA, model_class=Supervised).model
    for model, generates in ((vae, False), (full, True)):
        scores = evaluate(model, DATA).scores
        assert ("generate_ssim" in scores) == generates
        assert not any(name.startswith(("told", "kurtosis")) for name in scores)
