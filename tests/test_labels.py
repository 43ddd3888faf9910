"""Factors that are not told, or with errors: their prior, their place in the loss, what is predicted and scored."""

import functools
import itertools
import math

import numpy as np
import pytest
import torch
from test_checkpoints import assert_same
from test_factors import NAN, SHAPES, TINY, data_of, spots

from auxvae_lite import labels, metrics, training
from auxvae_lite.cautions import AuxVAEWarning
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.dependence import ROWS, distance_correlation
from auxvae_lite.divergences import kl_diag_normal, kl_partial
from auxvae_lite.factors import expand
from auxvae_lite.models import AuxVAE, Output, Posterior
from auxvae_lite.priors import Knowledge, population_prior, targeted_prior
from auxvae_lite.regularizers import explicitness, inter, intra, pearson
from auxvae_lite.scalings import Scaling
from auxvae_lite.sensitivity import told
from auxvae_lite.study import baselines, runs
from auxvae_lite.training import Config, evaluate, fit, latent_activity, measure, terms, total


@pytest.fixture(scope="module")
def validation():
    return spots(64, seed=1)


@pytest.fixture(scope="module")
def model(validation):
    return fit(Config(**TINY), spots(), validation).model


def knowledge_of(told, mean=0.0, variance=1.0, owners=None):
    """Knowledge of rows that are told exactly or not at all."""
    weight = told.float()
    G = told.shape[1]
    return Knowledge(weight, *(torch.full((G,), float(number)) for number in (mean, variance)), weight.mean(0), owners)


def gaps(data, share=0.3, names=("size", "angle", "shape"), **changes):
    """The same data, with some factors not told."""
    u, rng = data.factors.copy(), np.random.default_rng(0)
    for name in names:
        u[rng.random(len(data)) < share, data.names.index(name)] = NAN
    return FactorDataset(data.images, u, data.names, periods=data.periods, categorical=data.classes, **changes)


# The prior


def divergence(mu, logvar, mean, variance):
    return 0.5 * (math.log(variance) - logvar + (math.exp(logvar) + (mu - mean) ** 2) / variance - 1)


def posterior(n, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, d, generator=generator) for _ in range(2)]


def test_what_is_told_exactly_has_the_targeted_prior():
    (mu, logvar), u = posterior(20, 5), torch.randn(20, 3, generator=torch.Generator().manual_seed(1))
    exact = kl_partial(mu, logvar, u, knowledge_of(torch.ones(20, 3) > 0, 0.7), 1 / 700)
    assert torch.equal(exact, kl_diag_normal(mu, logvar, *targeted_prior(u, 5, 1 / 700)))


def test_what_is_not_told_has_the_populations_prior():
    (mu, logvar), u = posterior(2, 3), torch.tensor([[NAN], [1e30]])
    found = kl_partial(mu, logvar, u, knowledge_of(torch.zeros(2, 1) > 0, 0.7, variance=0.25), 0.01)
    torch.testing.assert_close(found[:, :1], kl_diag_normal(mu, logvar, 0.7, torch.tensor(0.26).sqrt())[:, :1])
    assert torch.equal(found[:, 1:], kl_diag_normal(mu, logvar)[:, 1:])


def test_the_populations_prior_is_the_targeted_one_of_its_factors():
    m, tau, n = 0.7, 1.3, 5
    rng = np.random.default_rng(0)
    z = rng.normal(rng.normal(m, tau, 1_000_000), n**-0.5)
    known = Knowledge(torch.zeros(1, 1), torch.tensor([m]), torch.tensor([tau**2]), torch.ones(1))
    mean, std = population_prior(known, 3, 1 / n)
    assert abs(z.mean() - float(mean[0, 0])) < 4 * z.std() / 1000
    assert abs(z.std() - float(std[0])) < 4 * z.std() / 1000 / math.sqrt(2)
    assert mean[0, 1:].tolist() == [0, 0] and std[1:].tolist() == [1, 1]


def test_a_value_is_believed_by_its_weight():
    mu, logvar = torch.tensor([[0.5]]), torch.tensor([[-2.0]])
    known = Knowledge(torch.tensor([[0.2]]), torch.tensor([0.1]), torch.tensor([0.9]), torch.tensor([0.4]))
    found = kl_partial(mu, logvar, torch.tensor([[0.4]]), known, 0.01)
    expected = 0.2 / 0.4 * divergence(0.5, -2, 0.4, 0.01) + 0.8 * divergence(0.5, -2, 0.1, 0.91)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_told_rows_stand_for_all_of_them():
    """Over all choices of the two rows of four that are told, their term is on average what four rows would give."""
    (mu, logvar), u = posterior(4, 1), torch.tensor([[0.3], [-1.0], [2.0], [0.1]])
    sums = []
    for rows in itertools.combinations(range(4), 2):
        told = torch.zeros(4, 1) > 0
        told[list(rows)] = True
        sums.append(kl_partial(mu, logvar, u, knowledge_of(told), 0.01)[told].sum())
    everything = kl_diag_normal(mu, logvar, *targeted_prior(u, 1, 0.01)).sum()
    torch.testing.assert_close(torch.stack(sums).mean(), everything)


# What the rows know


def guided(columns, scaling=None, **changes):
    """Data and an untrained model of their factors, whose columns are scaled as they are, or by `scaling`."""
    data = data_of(columns, **changes)
    return data, AuxVAE((1, 16, 16), data.names, 6, (4, 4, 8, 8), factor_scaling=scaling,
                        periods=data.periods, classes=data.classes)  # fmt: skip


def test_an_angles_error_is_known_by_monte_carlo():
    """The cosine's reading without bias, cos(y) exp(s^2 / 2), has the error that its weight speaks of."""
    data, model = guided({"angle": np.arange(360.0)}, periods={"angle": 360}, factor_std=30.0)
    known, s = labels.knowledge(model, data), math.radians(30)
    rng = np.random.default_rng(0)
    t = rng.uniform(0, 2 * np.pi, 1_000_000)
    square = (np.cos(t + rng.normal(0, s, len(t))) * math.exp(s**2 / 2) - np.cos(t)) ** 2
    error = square / (labels.SHARP**2 * 0.5)  # beside that of an image
    assert abs(error.mean() - (1 / float(known.weight[0, 0]) - 1)) < 4 * error.std() / 1000
    assert known.owners == (0, 0) and torch.equal(known.weight, known.weight[:1, :1].expand(360, 2))


def test_the_population_of_a_factor_has_less_variance_than_its_noisy_values():
    column = np.array([1.0, 3.0, 5.0, 7.0, NAN])
    scaling = Scaling("standard", torch.tensor([1.0]), torch.tensor([2.0]))
    data, model = guided({"a": column}, scaling, factor_std=[[1.0], [1.0], [1.0], [2.0], [9.0]])
    found = labels.population(model, data)
    assert found["mean"] == [pytest.approx(1.5)]
    assert found["variance"] == [pytest.approx((5 - (1 + 1 + 1 + 4) / 4) / 4)]


def test_a_value_with_an_error_is_known_by_hand():
    data, model = guided({"a": [0.0, 2.0, 4.0, NAN]}, factor_std=[[0.0], [1.0], [1.0], [0.0]])
    known = labels.knowledge(model, data)
    tau2 = 8 / 3 - 2 / 3
    w = labels.SHARP**2 / (labels.SHARP**2 + 1 / tau2)
    torch.testing.assert_close(known.weight[:, 0], torch.tensor([1, w, w, 0]))
    torch.testing.assert_close((known.mean, known.variance), (torch.tensor([2.0]), torch.tensor([tau2])))
    torch.testing.assert_close(known.share, torch.tensor([(1 + 2 * w) / 4]))


def test_an_error_as_large_as_an_images_halves_a_values_weight():
    spread, errors = Scaling("standard", torch.tensor([5.0]), torch.tensor([0.5])), np.zeros((1000, 1))
    errors[0] = 2 * labels.SHARP
    data, model = guided({"a": [3.0, 7.0] * 500}, spread, factor_std=errors)
    assert float(labels.knowledge(model, data).weight[0, 0]) == pytest.approx(0.5, rel=1e-3)


def test_a_label_that_no_row_has_is_known_like_the_others():
    data, model = guided({"shape": ["disk", "star", None]}, categorical={"shape": SHAPES})
    known = labels.knowledge(model, data)
    torch.testing.assert_close(known.weight, torch.tensor([[1.0], [1.0], [0.0]]).expand(3, 3))
    torch.testing.assert_close(known.variance, torch.tensor([0.25, 0.0, 0.25]))


def test_rows_are_known_as_they_are_drawn():
    data, model = guided({"a": [0.0, 2.0, NAN, NAN]})
    share = np.array([0.4, 0.3, 0.2, 0.1])
    torch.testing.assert_close(labels.knowledge(model, data, share).share, torch.tensor([0.7]))


def test_errors_as_large_as_the_spread_are_refused():
    with pytest.raises(ValueError, match="the errors of 'size' are as large as its spread, so that nothing is left"):
        fit(Config(**TINY), spots(factor_std={"size": 1.0}))


def test_a_population_of_which_nothing_is_told_is_refused(model):
    data = gaps(spots(16), 1.0, ["size"])
    for look in (latent_activity, lambda *given: measure(given[0], Config(**TINY), *given[1:])):
        with pytest.raises(ValueError, match="factor 'size' is told in no row, so nothing is known of its population"):
            look(model, data, 0.01)


def test_plain_factors_that_are_all_told_need_no_knowledge():
    data, model = guided({"a": [0.0, 2.0], "b": [1.0, 3.0]})
    assert labels.knowledge(model, data) is None and not labels.partly(data, ["a"])


def test_only_the_models_own_factors_make_it_partly_told():
    data = data_of({"a": [0.0, 2.0], "b": [NAN, 3.0], "c": [1.0, 2.0]}, factor_std={"c": 0.1})
    assert [labels.partly(data, [name]) for name in "abc"] == [False, True, True]


# How often rows are drawn


def test_half_of_the_draws_tell_each_factor():
    told = np.random.default_rng(0).random((400, 3)) < [0.1, 0.3, 0.9]
    share = labels.draws(told)
    covered = share @ told
    assert share.sum() == pytest.approx(1) and (covered > 0.5 - 1e-5).all()
    assert covered[:2] == pytest.approx([0.5, 0.5], abs=1e-5)


def test_rows_are_drawn_alike_where_enough_of_them_tell():
    assert labels.draws(np.array([[True], [False]])) is None and labels.draws(np.ones((4, 2), bool)) is None


def test_each_row_is_drawn_as_often_as_its_share_says():
    share = torch.tensor([0.5, 0.25, 0.1, 0.1, 0.05, 0], dtype=torch.float64)
    counts = torch.stack(
        [labels.draw(share, torch.Generator().manual_seed(seed)).bincount(minlength=6) for seed in range(400)]
    )
    assert (counts.sum(1) == 6).all()
    assert (counts >= (6 * share).floor()).all() and (counts <= (6 * share).ceil()).all()
    assert ((counts.double().mean(0) - 6 * share).abs() < 4 * 0.5 / 20).all()


# The loss


def batch(n=128, d=5, G=2, seed=0):
    """An output, images and factors that the latents follow."""
    generator = torch.Generator().manual_seed(seed)
    mu, u = torch.randn(n, d, generator=generator), torch.randn(n, G, generator=generator)
    mu[:, :G] += 0.5 * u
    x = torch.zeros(n, 1, 16, 16)
    return Output(x, Posterior(mu, torch.full_like(mu, -1.0)), mu), x, u


OBJECTIVES = {
    "ours": Config(),
    "the paper's": Config.paper(),
    "wrapped": Config(dependence="wrapped"),
    "multiple": Config(reading="multiple", dependence="hsic"),
}


@pytest.mark.parametrize("config", OBJECTIVES.values(), ids=OBJECTIVES)
def test_knowledge_that_all_is_told_changes_no_bit_of_the_terms(config):
    output, x, u = batch()
    plain = terms(config, output, x, u, 0.01)
    known = terms(config, output, x, u, 0.01, knowledge_of(torch.ones_like(u) > 0, 0.3))
    assert all(map(torch.equal, plain, known))


@pytest.mark.parametrize("config", [Config, Config.paper])
def test_knowledge_that_all_is_told_changes_no_bit_of_the_weights(config, monkeypatch):
    rng = np.random.default_rng(0)
    data = FactorDataset(spots().images, {"size": spots().factors[:, 0], "other": rng.random(96)})
    config = config(**TINY | {"epochs": 2})
    plain = fit(config, data).model
    monkeypatch.setattr(labels, "partly", lambda *given: True)
    known = fit(config, data).model
    assert "population" in known.provenance and "population" not in plain.provenance
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, known.state_dict()[name]), name


def test_the_divergence_of_four_rows_by_hand():
    """Two of them are told, so that each counts twice; the others feel the population alone."""
    mu = torch.tensor([[0.5, 1.0], [-1.0, 0.0], [2.0, -1.0], [0.3, 0.2]], requires_grad=True)
    logvar, u = torch.full((4, 2), -2.0), torch.tensor([[0.4], [-0.8], [NAN], [NAN]])
    x = torch.zeros(4, 1, 16, 16)
    known = knowledge_of(~u.isnan(), mean=0.1, variance=0.9)
    parts = terms(Config(), Output(x, Posterior(mu, logvar), mu), x, u, 0.01, known)
    free = [divergence(value, -2, 0, 1) for value in (1.0, 0.0, -1.0, 0.2)]
    told = [divergence(0.5, -2, 0.4, 0.01), divergence(-1.0, -2, -0.8, 0.01)]
    untold = [divergence(2.0, -2, 0.1, 0.91), divergence(0.3, -2, 0.1, 0.91)]
    assert parts.kl_free.item() == pytest.approx(sum(free) / 4, rel=1e-5)
    assert parts.kl.item() == pytest.approx((2 * sum(told) + sum(untold) + sum(free)) / 4, rel=1e-5)
    (parts.kl - parts.kl_free).backward()
    expected = [2 * 0.1 / 0.01 / 4, 2 * -0.2 / 0.01 / 4, 1.9 / 0.91 / 4, 0.2 / 0.91 / 4]
    torch.testing.assert_close(mu.grad[:, 0], torch.tensor(expected))
    torch.testing.assert_close(mu.grad[:, 1], torch.zeros(4), rtol=0, atol=1e-7)


@pytest.mark.parametrize("config", OBJECTIVES.values(), ids=OBJECTIVES)
@pytest.mark.parametrize("number", [NAN, math.inf, -1e30])
def test_what_is_not_told_changes_neither_loss_nor_gradient(config, number):
    told = torch.rand(128, 2, generator=torch.Generator().manual_seed(1)) < 0.5
    found = []
    for value in (0.0, number):
        output, x, u = batch()
        for leaf in output.posterior:
            leaf.requires_grad_()
        parts = terms(config, output, x, torch.where(told, u, value), 0.01, knowledge_of(told))
        total(config, parts, 256).backward()
        found.append([*parts, *(leaf.grad for leaf in output.posterior)])
    for before, after in zip(*found, strict=True):
        assert torch.equal(before, after) and after.isfinite().all()


@pytest.mark.parametrize(
    ("n", "rows", "penalised"), [(128, 0, False), (128, 31, False), (128, 32, True), (32, 7, False), (32, 8, True)]
)
def test_a_few_told_rows_have_no_correlation(n, rows, penalised):
    output, x, u = batch(n)
    told = torch.zeros_like(u) > 0
    told[:rows] = True
    parts = terms(Config(), output, x, u, 0.01, knowledge_of(told))
    assert [bool(value != 0) for value in (parts.explicitness, parts.intra, parts.inter)] == [penalised] * 3


def test_factors_of_the_same_rows_are_penalised_together_on_those_rows():
    output, x, u = batch()
    told = (torch.arange(128) % 4 > 0)[:, None].expand(-1, 2)
    parts = terms(Config(), output, x, u, 0.01, knowledge_of(told))
    rows, mu = told[:, 0], output.posterior.mu
    alone = explicitness(mu[rows, :2], u[rows]), intra(mu[rows, :2], u[rows])
    free = distance_correlation(mu[rows][:ROWS, 2:], u[rows][:ROWS]).sum()
    for found, expected in zip((parts.explicitness, parts.intra, parts.inter), (*alone, free), strict=True):
        assert float(found) == pytest.approx(0.75 * float(expected), rel=1e-5)


def two_parts():
    """A batch of which the first 48 rows tell one factor and the others the other."""
    output, x, u = batch()
    told = torch.zeros_like(u) > 0
    told[:48, 0] = told[48:, 1] = True
    return output, x, u, told


def test_factors_of_different_rows_are_penalised_each_on_its_own():
    output, x, u, told = two_parts()
    parts = terms(Config(), output, x, u, 0.01, knowledge_of(told))
    explicit = other = free = 0.0
    for k, (rows, share) in enumerate(((slice(0, 48), 48 / 128), (slice(48, 128), 80 / 128))):
        mu, own = output.posterior.mu[rows], u[rows, k, None]
        rho = pearson(mu[:, :2], own)[:, 0]
        explicit += share * float(1 - rho[k])
        other += share * float(rho[1 - k].abs())
        free += share * float(distance_correlation(mu[:ROWS, 2:], own[:ROWS]).sum()) / 2
    assert float(parts.explicitness) == pytest.approx(explicit, rel=1e-5)
    assert float(parts.intra) == pytest.approx(other, rel=1e-5)
    assert float(parts.inter) == pytest.approx(free, rel=1e-4)


def test_powers_of_factors_of_different_rows_are_penalised_each_on_its_own():
    output, x, u, told = two_parts()
    parts = terms(Config.paper(), output, x, u, 0.01, knowledge_of(told))
    mu = output.posterior.mu[:, 2:]
    free = 48 / 128 * inter(mu[:48], u[:48, :1], 3) + 80 / 128 * inter(mu[48:], u[48:, 1:], 3)
    assert float(parts.inter) == pytest.approx(float(free), rel=1e-5)


def test_columns_of_one_factor_are_left_out_of_intra_where_some_rows_are_not_told():
    output, x, u = batch(G=3)
    told = (torch.arange(128) < 96)[:, None].expand(-1, 3)
    parts = terms(Config(), output, x, u, 0.01, knowledge_of(told, owners=(0, 0, 1)))
    rho = pearson(output.posterior.mu[:96, :3], u[:96]).abs()
    assert float(parts.intra) == pytest.approx(0.75 * float(rho[:2, 2].sum() + rho[2, :2].sum()), rel=1e-5)


# Training

ERRORS = {"angle": 10.0, "size": 0.05}


def test_a_model_learns_from_gaps_and_errors():
    data = gaps(spots(), factor_std=ERRORS)
    trained, history = fit(Config(**TINY), data, gaps(spots(64, seed=1)))
    assert all(math.isfinite(value) for row in history for value in row.values())
    assert all(tensor.isfinite().all() for tensor in trained.state_dict().values())


def interrupted(after):
    """`terms`, which is interrupted (as by Ctrl-C) once it has been called so often."""
    calls = iter(range(after))

    @functools.wraps(training.terms)
    def stopping(*arguments, **named):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return training.terms(*arguments, **named)

    return stopping


def test_a_run_with_kinds_gaps_and_errors_goes_on_bit_for_bit(tmp_path):
    data = gaps(spots(), 0.7, factor_std=ERRORS)
    config = Config(**TINY | {"epochs": 2})
    whole = fit(config, data, checkpoint=tmp_path / "whole").model
    with pytest.raises(KeyboardInterrupt):
        fit(config, data, terms=interrupted(4), checkpoint=tmp_path / "stopped")  # three batches an epoch
    resumed = fit(config, data, checkpoint=tmp_path / "stopped").model
    assert_same(tmp_path / "stopped", tmp_path / "whole")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def own_terms(config, output, x, u, prior_variance):
    return training.terms(config, output, x, u, prior_variance)


@pytest.mark.parametrize("make", [lambda: gaps(spots()), lambda: spots(factor_std={"size": 0.1})])
def test_terms_that_know_nothing_of_gaps_or_errors_are_refused(make):
    with pytest.raises(ValueError, match="has factors with errors or not told: terms needs the argument `known`"):
        fit(Config(**TINY), make(), terms=own_terms)
    with pytest.raises(ValueError, match="terms needs the argument `known`"):
        fit(Config(**TINY), spots(), make(), terms=own_terms)


def test_terms_that_know_nothing_of_gaps_work_where_all_is_told():
    assert fit(Config(**TINY), spots(), spots(16, seed=1), terms=own_terms).model.guided_dim == 6


# Predictions


def misses(model, data):
    """How far predictions are from the truth; angles along the circle."""
    found = model.predict(data.images)
    angle = (found["angle"].value - data.factors[:, 1] + 180) % 360 - 180
    return {"size": found["size"].value - data.factors[:, 0], "angle": angle}


def test_the_standard_error_is_that_of_validation_rows(model, validation):
    found = model.predict(validation.images)
    for name, miss in misses(model, validation).items():
        assert found[name].std == pytest.approx(np.sqrt(np.mean(miss**2)), rel=1e-6)
    assert found["shape"].std is None


def test_the_labels_own_errors_are_no_errors_of_predictions(model, validation):
    std = {"size": np.linspace(0.1, 0.2, 64), "angle": np.linspace(5, 30, 64)}
    noisy = spots(64, seed=1, factor_std=std)
    for found, (name, miss) in zip(labels.residuals(model, noisy), misses(model, validation).items(), strict=False):
        assert found == pytest.approx(np.sqrt(np.mean(miss**2) - np.mean(std[name] ** 2)), rel=1e-6)


def test_noisy_labels_cannot_show_a_small_error():
    std = np.arange(1.0, 9.0)
    data, model = guided({"a": np.arange(8.0)}, factor_std=std[:, None])
    mu = torch.zeros(8, 6)
    mu[:, 0] = torch.arange(8.0)
    model.encode = lambda images: Posterior(mu, mu)
    (found,) = labels.residuals(model, data)
    assert found == pytest.approx(math.sqrt(np.std(std**2) / math.sqrt(8)))


def test_rows_that_are_not_told_are_no_errors_of_predictions(model, validation):
    part = gaps(validation)
    miss = misses(model, validation)["size"][~np.isnan(part.factors[:, 0])]
    assert labels.residuals(model, part)[0] == pytest.approx(np.sqrt(np.mean(miss**2)), rel=1e-6)
    assert labels.residuals(model, gaps(validation, 1.0, ["angle"]))[1] is None


def test_without_validation_rows_nothing_is_known_of_errors():
    trained = fit(Config(**TINY), spots()).model
    assert trained.residuals == () and trained.frequencies == ()
    for found in trained.predict(spots(4).images).values():
        assert found.std is None and found.probabilities is None


def test_frequencies_are_those_of_told_training_rows():
    data = data_of({"shape": ["disk", "star", None, "star", "star"]})
    assert labels.frequencies(data, "shape") == (0.25, 0.75)
    assert labels.frequencies(data_of({"a": [1.0, 2.0]}), "a") == ()


def test_probabilities_follow_from_bayes_rule(model, validation):
    found = model.predict(validation.images)["shape"]
    read = model.factor_scaling.inverse(model.encode(validation.images).mu[:, :6].double())[:, 3:].numpy()
    truth = expand(torch.from_numpy(validation.factors), validation.kinds)[:, 3:].numpy()
    r = np.sqrt(np.mean((read - truth) ** 2))
    shares = np.mean(spots().factors[:, 2, None] == [0, 1, 2], axis=0)
    weights = [
        f * math.exp(-(sum((read[7] - label) ** 2)) / (2 * r**2)) for f, label in zip(shares, np.eye(3), strict=True)
    ]
    assert [found.probabilities[label][7] for label in SHAPES] == pytest.approx(np.array(weights) / sum(weights))
    np.testing.assert_allclose(sum(found.probabilities.values()), 1)


def test_the_value_of_a_class_is_the_label_whose_indicator_is_largest(model, validation):
    read = model.factor_scaling.inverse(model.encode(validation.images).mu[:, :6].double())[:, 3:].numpy()
    assert model.predict(validation.images)["shape"].value.tolist() == [SHAPES[row.argmax()] for row in read]


def test_labels_that_are_numbers_are_predicted_in_any_order():
    codes = [3, 1, 2, 3]
    data, model = guided({"side": codes}, categorical={"side": [3, 1, 2]})
    columns = expand(torch.from_numpy(data.factors), model.kinds).float()
    mu = torch.cat([columns, torch.zeros(4, 3)], dim=1)
    model.encode = lambda images: Posterior(mu, mu)
    assert model.predict(data.images)["side"].value.tolist() == codes


# Scores


@pytest.fixture
def perfect(model, monkeypatch):
    """The model, as if it read the factors without error."""

    def encode(images):
        data = spots(64, seed=5)
        mu = torch.zeros(len(data), 8)
        mu[:, :6] = model.guide(torch.from_numpy(data.factors))
        mu[:, 6:] = torch.randn(len(data), 2, generator=torch.Generator().manual_seed(0))
        return Posterior(mu, torch.full_like(mu, -2.0))

    monkeypatch.setattr(model, "encode", encode)
    return model


def test_a_perfect_model_has_perfect_scores_far_above_their_floors(perfect):
    scores, reference = evaluate(perfect, spots(64, seed=5))
    for name in ("corr_size", "circular_angle", "accuracy_shape"):
        assert scores[name] == pytest.approx(1, abs=1e-5)
    assert abs(reference["circular_angle"]["floor"]) < 0.3
    assert reference["accuracy_shape"]["floor"] == pytest.approx(1 / 3)
    assert not scores.keys() & {"corr_angle", "corr_shape"}


def test_scores_are_those_of_what_predict_says(model):
    data = spots(64, seed=5)
    scores, found = evaluate(model, data).scores, model.predict(data.images)
    shapes = np.array(SHAPES)[data.factors[:, 2].astype(int)]
    circular = metrics.circular_correlation(data.factors[:, 1], found["angle"].value, 360)
    assert scores["circular_angle"] == pytest.approx(circular)
    assert scores["accuracy_shape"] == metrics.balanced_accuracy(shapes, found["shape"].value)


def test_lds_takes_an_angle_as_cosine_and_sine_and_leaves_classes_out(model):
    data = spots(64, seed=5)
    turn = np.radians(data.factors[:, 1])
    columns = np.column_stack([data.factors[:, 0], np.cos(turn), np.sin(turn)])
    mu = model.encode(data.images).mu.numpy()
    scores = evaluate(model, data).scores
    assert scores["lds"] == pytest.approx(metrics.lds(mu, columns).value)
    assert scores["sap_r2"] == pytest.approx(metrics.sap(mu, columns))


@pytest.mark.parametrize("score", ["corr_size", "circular_angle", "accuracy_shape"])
def test_rows_that_are_not_told_are_left_out_of_scores(score, model):
    name = score.partition("_")[2]
    data = gaps(spots(64, seed=5), 0.3, [name])
    told = ~np.isnan(data.columns([name])[:, 0])
    assert 0 < told.sum() < 64
    alone = evaluate(model, data.rows(told)).scores[score]
    assert evaluate(model, data).scores[score] == pytest.approx(alone, abs=1e-6)


def test_a_class_that_is_absent_from_the_test_rows_is_no_error(model):
    data = spots(64, seed=5)
    scores, reference = evaluate(model, data.rows(data.factors[:, 2] < 2))
    assert "told_by_free_shape" in scores and reference["accuracy_shape"] == {"floor": 0.5}


def test_factors_that_different_rows_tell_share_the_draws():
    told = np.zeros((900, 3), bool)
    told[:30, 0] = told[30:90, 1] = told[90:300, 2] = True
    covered = labels.draws(told) @ told
    np.testing.assert_allclose(covered, 1 / 3, atol=0.02)


def test_what_no_half_varies_in_is_not_read():
    z = np.random.default_rng(0).standard_normal((60, 2))
    rare = np.arange(60)[:, None] == 7
    assert np.isnan(np.array(told(z, rare * 1.0))).all()
    value, _ = told(z, np.hstack([rare * 1.0, z[:, :1]]))
    assert np.isnan(value[0]) and value[1] > 0.7


def test_errors_by_name_may_be_one_number_or_one_a_row():
    factors = {"a": np.arange(6.0), "b": np.arange(6.0)}
    data = FactorDataset(np.zeros((6, 1, 16, 16)), factors, factor_std={"a": 0.5, "b": np.arange(6) / 10})
    np.testing.assert_array_equal(data.factor_std, np.stack([np.full(6, 0.5), np.arange(6) / 10], axis=1))


@pytest.mark.parametrize("period", ["360", True, None])
def test_a_period_is_a_number(period):
    with pytest.raises(ValueError, match="the period of 'a' must be a number above 0"):
        FactorDataset(np.zeros((6, 1, 16, 16)), {"a": np.arange(6.0)}, periods={"a": period})


def test_factors_that_say_the_same_are_warned_of():
    data = spots(64)
    side, brightness = data.factors[:, 0], data.factors[:, 1]
    twice = {"a": side, "b": brightness, "c": 3 - 2 * side}
    with pytest.warns(AuxVAEWarning, match=r"factors 'a' and 'c' correlate, \|rho\| = 1.0000: no model"):
        fit(Config(**TINY), FactorDataset(data.images, twice))


def test_other_methods_take_angles_and_classes():
    data = spots(64)
    for method in ("idvae", "mine"):
        model_class, own = runs.METHODS[method]
        model = fit(Config(**TINY | {"epochs": 1}), data, model_class=model_class, terms=own).model
        assert model.guided_dim == 6 and {"circular_angle", "accuracy_shape"} <= evaluate(model, data).scores.keys()
    model = baselines.fit_supervised(Config(**TINY | {"epochs": 1}), data).model
    assert model.latent_dim == model.guided_dim == 6


@pytest.mark.parametrize("image", [0.05, 0.55])
def test_weighing_by_precision_beats_equal_weights(image):
    """The variance of a weighted mean of labels whose errors' squares are exponential, of root mean square 1/2."""
    s2 = np.random.default_rng(0).exponential(0.25, 100_000)

    def variance(weight):
        return (weight**2 * (image**2 + s2)).sum() / weight.sum() ** 2

    assert variance(1 / (labels.SHARP**2 + s2)) < 0.95 * variance(np.ones(len(s2)))
