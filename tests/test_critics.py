"""Critics: bounds by hand, which gradient goes where, nothing to judge, and what no power of degree 3 sees."""

import math

import pytest
import torch
from test_checkpoints import assert_same, stopping
from test_training import TINY, sheared, squares

from auxvae_lite import dependence, regularizers, training
from auxvae_lite.models import AuxVAE
from auxvae_lite.study.critics import (
    Critic,
    CriticVAE,
    Scores,
    estimate,
    jensen_shannon,
    lower_bound,
    mine_terms,
    mirrored,
    ratio,
    ratio_terms,
)
from auxvae_lite.training import Config, fit, measure, total

SHAPE, FACTORS = (1, 16, 16), ("a", "b")
FORMS = {"mine": (mine_terms, lower_bound, lower_bound), "ratio": (ratio_terms, ratio, jensen_shannon)}
both = pytest.mark.parametrize("form", FORMS)


def make(factors=FACTORS, latent_dim=4, model_class=CriticVAE):
    """A model whose critic has an opinion; a new one says 0."""
    torch.manual_seed(0)
    model = model_class(SHAPE, factors, latent_dim, (4, 4, 8, 8))
    if getattr(model, "critic", None) is not None:
        torch.nn.init.normal_(model.critic.network[-1].weight)
    return model.train()


def rows(B, K=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(B, *SHAPE, generator=generator), torch.randn(B, K, generator=generator)


def passed(model, x, u):
    return model(x, torch.Generator().manual_seed(1), u)


def numbers(x):
    """Standard normal numbers, shape (x, 1)."""
    return torch.randn(x, 1, generator=torch.Generator().manual_seed(3))


# The formulas


def test_scores_by_hand():
    """T = ln 2 for a true pair, and ln 1, ln 3, ln 1, ln 3 for shuffled ones, whose e^T has the mean 2.

    Lower bound: ln 2 - ln 2 = 0. With ln 4 and ln 1 for two true pairs: (ln 4 + 0) / 2 - ln 2 = 0, too; ln 4: ln 2.
    Jensen-Shannon, sigmoid(ln 2) = 2/3, sigmoid(-ln 1) = 1/2, sigmoid(-ln 3) = 1/4:
    (ln 2/3 + (ln 1/2 + ln 1/4) / 2) / 2 + ln 2 = (-.405465 - 1.039721) / 2 + .693147 = -.029446.
    """
    shuffled = torch.tensor([1.0, 3.0, 1.0, 3.0]).log()
    for true, bound in (([2.0], 0.0), ([4.0, 1.0], 0.0), ([4.0], math.log(2))):
        scores = Scores(torch.tensor(true).log(), shuffled)
        assert float(lower_bound(scores)) == pytest.approx(bound, abs=1e-6)
        assert float(ratio(scores)) == pytest.approx(sum(map(math.log, true)) / len(true), abs=1e-6)
    scores = Scores(torch.tensor([2.0]).log(), shuffled)
    assert float(jensen_shannon(scores)) == pytest.approx(-0.029446, abs=1e-6)
    certain = Scores(torch.full((3,), 50.0), torch.full((6,), -50.0))
    assert float(jensen_shannon(certain)) == pytest.approx(math.log(2))


def test_a_constant_moves_the_ratio_and_not_the_bound():
    generator = torch.Generator().manual_seed(0)
    scores = Scores(torch.randn(8, generator=generator), torch.randn(24, generator=generator))
    moved = Scores(*(T + 3 for T in scores))
    assert float(lower_bound(moved)) == pytest.approx(float(lower_bound(scores)), abs=1e-5)
    assert float(ratio(moved)) == pytest.approx(float(ratio(scores)) + 3, abs=1e-5)


@both
def test_the_true_ratio_has_the_mutual_information(form):
    """Two standard normals of correlation .6: I = -log(1 - .36) / 2 = .2231; T = log of the densities' ratio."""
    _, penalty, _ = FORMS[form]
    rho, first, second = 0.6, *torch.randn(2, 200_000, generator=torch.Generator().manual_seed(0))
    other = rho * first + math.sqrt(1 - rho**2) * second

    def log_ratio(a, b):
        exponent = (rho**2 * (a**2 + b**2) - 2 * rho * a * b) / (2 * (1 - rho**2))
        return -exponent - math.log(1 - rho**2) / 2

    scores = Scores(log_ratio(first, other), log_ratio(first, other.roll(1)))
    assert float(penalty(scores)) == pytest.approx(0.2231, abs=0.01)


def test_pairs_are_the_rows_and_four_shifts_of_the_factors():
    critic = Critic(1, 1)
    critic.standard, critic.network = torch.nn.Identity(), Told()
    z, u = torch.arange(6.0)[:, None].sinh(), torch.arange(6.0)[:, None]  # asinh takes sinh back
    scores = critic(z, u)
    assert scores.paired.tolist() == pytest.approx([11 * i for i in range(6)], abs=1e-4)
    wanted = [i + 10 * ((i - shift) % 6) for shift in (1, 2, 3, 4) for i in range(6)]
    assert scores.shuffled.tolist() == pytest.approx(wanted, abs=1e-4)
    assert [len(critic(z[:B], u[:B]).shuffled) / B for B in (1, 2, 3, 5, 6)] == [1, 1, 2, 4, 4]


class Told(torch.nn.Module):
    """A critic that tells its two inputs: z + 10 u."""

    def forward(self, pairs):
        return pairs[:, :1] + 10 * pairs[:, 1:]


# Which gradient goes where


def gradients(model, loss):
    names, parameters = zip(*model.named_parameters(), strict=True)
    found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return {name: torch.zeros(()) if g is None else g for name, g in zip(names, found, strict=True)}


@both
def test_the_critic_climbs_whatever_lambda_2_is(form):
    terms, _, aim = FORMS[form]
    model = make()
    x, u = rows(16)
    output = passed(model, x, u)
    climb = gradients(model, aim(output.learning))
    for lambda_2 in (0.0, 0.6, 50.0):
        config = Config.paper(lambda_2=lambda_2)
        found = gradients(model, total(config, terms(config, output, x, u, 1.0), 256))
        for name in climb:
            if name.startswith("critic."):
                torch.testing.assert_close(found[name], -climb[name] / 256, msg=name)
    assert max(float(g.abs().max()) for name, g in climb.items() if name.startswith("critic.")) > 1e-3
    assert not any(g.any() for name, g in climb.items() if not name.startswith("critic."))


@both
def test_the_encoder_descends_with_lambda_2_while_the_critic_stands_still(form):
    terms, penalty, _ = FORMS[form]
    model = make().double()
    x, u = (part.double() for part in rows(16))
    output = passed(model, x, u)
    config = Config.paper(lambda_2=0.0)
    plain = gradients(model, total(config, training.terms(config, output, x, u, 1.0), 256))
    descent = gradients(model, penalty(output.frozen))
    config = Config.paper(lambda_2=3.0)
    found = gradients(model, total(config, terms(config, output, x, u, 1.0), 256))
    for name, gradient in descent.items():
        if name.startswith("critic."):
            assert not gradient.any(), name
        else:
            torch.testing.assert_close(found[name], plain[name] + 3 * gradient, rtol=1e-9, atol=1e-10, msg=name)
    assert max(float(g.abs().max()) for g in descent.values()) > 1e-3


@both
def test_the_terms_are_those_of_training_but_for_inter(form):
    terms, penalty, _ = FORMS[form]
    model, config = make(), Config.paper(sigma=0.1)
    x, u = rows(12)
    output = passed(model, x, u)
    ours, theirs = terms(config, output, x, u, 0.1), training.terms(config, output, x, u, 0.1)
    assert ours.inter == penalty(output.frozen) == penalty(output.learning) != theirs.inter
    assert ours._replace(inter=0) == theirs._replace(inter=0)
    assert ours.kl_free > 0


@both
def test_it_sees_what_the_decoder_reads_of_free_latents_and_no_guided_one(form):
    terms, penalty, _ = FORMS[form]
    model = make()
    x, u = rows(12)
    output = passed(model, x, u)
    slopes = torch.autograd.grad(penalty(output.frozen), output.z)[0]
    assert not slopes[:, :2].any() and bool(slopes[:, 2:].any())
    expected = penalty(model.critic(output.z[:, 2:], u))
    torch.testing.assert_close(penalty(output.frozen), expected)


@both
def test_lambda_2_of_0_trains_a_plain_aux_vae(form):
    config = Config.paper(**TINY, lambda_2=0.0, clip=None)
    ours, _ = fit(config, squares(), model_class=CriticVAE, terms=FORMS[form][0])
    theirs, _ = fit(config, squares())
    weights = ours.state_dict()
    for name, weight in theirs.state_dict().items():
        assert torch.equal(weights[name], weight), name
    assert weights["critic.network.4.weight"].any()  # the critic has learned all the same


# Edges


@both
@pytest.mark.parametrize(("factors", "latent_dim"), [((), 3), (FACTORS, 2)])
def test_with_nothing_to_judge_it_is_0(form, factors, latent_dim):
    model = make(factors, latent_dim)
    x, u = rows(6, len(factors))
    config = Config.paper()
    parts = FORMS[form][0](config, passed(model, x, u), x, u, 1.0)
    assert model.critic is None and float(parts.inter) == 0
    found = gradients(model, total(config, parts, 256))
    assert all(g.isfinite().all() for g in found.values())
    model.eval()(x)  # asks for no factors


@both
@pytest.mark.parametrize("case", ["two rows", "equal latents", "equal factors", "far out"])
def test_no_batch_makes_it_nan(form, case):
    model = make()
    x, u = rows(2 if case == "two rows" else 8)
    u = u * 0 if case == "equal factors" else u
    output = passed(model, x, u)
    z = output.z[:, 2:] * {"equal latents": 0.0, "far out": 1e8}.get(case, 1.0)
    scores = model.critic(z, u)
    _, penalty, aim = FORMS[form]
    for value in (penalty(scores), aim(scores)):
        assert value.isfinite()
        assert all(g.isfinite().all() for g in gradients(model, value).values())


@both
def test_a_single_row_is_measured(form):
    data = squares(17)
    config = Config.paper(**TINY | {"batch_size": 16})
    model, _ = fit(config, data, model_class=CriticVAE, terms=FORMS[form][0])
    found = measure(model, config, data.rows(slice(0, 1)), 0.1, FORMS[form][0])
    assert all(map(math.isfinite, found.values()))


def test_a_new_critic_says_0_and_half_precision_gives_float32():
    torch.manual_seed(0)
    model = CriticVAE(SHAPE, FACTORS, 4, (4, 4, 8, 8)).train()
    x, u = rows(8)
    assert not passed(model, x, u).frozen.paired.any()
    with torch.autocast("cpu", torch.bfloat16):
        output = passed(make(), x, u)
    assert {T.dtype for scores in output[3:] for T in scores} == {torch.float32}
    full = passed(make(), x, u)
    torch.testing.assert_close(lower_bound(output.frozen), lower_bound(full.frozen), rtol=0, atol=0.2)


def test_it_asks_for_the_factors():
    model = make().eval()
    x, _ = rows(2)
    with pytest.raises(ValueError, match="forward pass needs the factors"):
        model(x)
    assert model.encode(x).mu.shape == (2, 4)


# Training


@both
def test_a_run_repeats_and_goes_on_bit_for_bit(form, tmp_path):
    terms, data = FORMS[form][0], sheared(squares())
    config = Config.paper(**TINY | {"epochs": 4, "latent_dim": 6})
    paths = [tmp_path / f"{name}.safetensors" for name in ("whole", "again", "parts")]
    for path in paths[:2]:
        model, history = fit(config, data, model_class=CriticVAE, terms=terms, checkpoint=path)
    with pytest.raises(KeyboardInterrupt):
        fit(config, data, model_class=CriticVAE, terms=stopping(14, terms), checkpoint=paths[2])
    fit(config, data, model_class=CriticVAE, terms=terms, checkpoint=paths[2])
    for path in paths[1:]:
        assert_same(paths[0], path)
    model.save(tmp_path / "model.safetensors")
    again = CriticVAE.load(tmp_path / "model.safetensors")
    assert torch.equal(again.critic.network[0].weight, model.critic.network[0].weight)
    assert len({row["inter"] for row in history}) == 4  # an estimate that moves
    with pytest.raises(ValueError, match="holds CriticVAE, not AuxVAE"):
        AuxVAE.load(tmp_path / "model.safetensors")


@both
def test_critic_and_encoder_play_until_the_latent_forgets(form):
    """z = w s + noise, s the sign pattern of `mirrored`: w falls below a fifth of where it began. Alone, it stays."""
    _, penalty, aim = FORMS[form]
    z, u = mirrored(4000)
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    critic, w = Critic(1, 1), torch.nn.Parameter(torch.tensor(1.5))
    players = {
        weight: torch.optim.Adam(parameters, lr=lr)
        for weight, parameters, lr in ((-1, critic.parameters(), 3e-3), (1, [w], 1e-2))
    }
    start = None
    for step in range(1500):
        rows = torch.randint(len(z), (256,), generator=generator)
        code = w * z[rows].sign() + 0.3 * torch.randn(256, 1, generator=generator)
        for sign, player in players.items():
            if sign > 0 and step < 500:  # the critic learns first
                continue
            objective = penalty if sign > 0 else aim
            player.zero_grad()
            (sign * objective(critic(code, u[rows]))).backward(retain_graph=True)
            player.step()
        start = float(penalty(critic(code, u[rows])).detach()) if step == 500 else start
    assert start > 0.2
    assert abs(float(w.detach())) < 0.3


# What no power sees


def test_powers_are_at_chance_and_all_others_see_it():
    """By 8,000 rows; chance is 9 E|rho| = 9 sqrt(2 / (pi n)) = .080, and log 2 = .693 nats are there."""
    z, u = mirrored(8000)
    chance = 9 * math.sqrt(2 / (math.pi * len(z)))
    assert float(regularizers.inter(z, u)) < 2 * chance
    assert float(regularizers.inter(z, u, reading="multiple")) < 0.03
    assert float(regularizers.inter(z, u, degree=5)) > 0.5  # a polynomial of higher degree sees it
    few = z[:2000], u[:2000]
    assert 0.01 < float(dependence.hsic(*few)) < 0.03
    assert 0.03 < float(dependence.distance_correlation(*few)) < 0.06
    assert 0.4 < estimate(z, u) < math.log(2)
    assert 0.4 < estimate(z, u, ratio, jensen_shannon) < math.log(2)


def test_in_batches_powers_are_exactly_as_for_independent_columns():
    """A mean of 300 batches of 128; one differs by .2 from another."""
    values = [
        [float(regularizers.inter(column, u)) for column in (z, z[torch.randperm(128)])]
        for z, u in (mirrored(128, seed) for seed in range(300))
    ]
    hidden, independent = (sum(column) / 300 for column in zip(*values, strict=True))
    assert hidden == pytest.approx(independent, abs=0.05)


def test_nothing_is_seen_where_nothing_is():
    z, u = numbers(8000), mirrored(8000)[1]
    few = z[:2000], u[:2000]
    assert abs(float(dependence.hsic(*few))) < 0.003
    assert abs(float(dependence.distance_correlation(*few))) < 0.003
    assert abs(estimate(z, u)) < 0.02
    assert abs(estimate(z, u, ratio, jensen_shannon)) < 0.02


@pytest.mark.parametrize("changes", [1, 4, 7])
def test_mirrored_is_normal_and_orthogonal_below_its_number_of_changes(changes):
    z, u = mirrored(200_000, changes=changes)
    assert z.shape == u.shape == (200_000, 1)
    for moment, value in ((1, 0), (2, 1), (3, 0), (4, 3)):
        assert float((z**moment).mean()) == pytest.approx(value, abs=0.06)
    signs = z[:, 0][u[:, 0].argsort()].sign()
    assert int((signs[1:] != signs[:-1]).sum()) == changes
    rho = regularizers.pearson(torch.hstack([z, z**2, z**3]), torch.hstack([u**b for b in range(1, changes + 1)]))
    assert rho[:, :-1].abs().numel() == 0 or rho[:, :-1].abs().max() < 0.01  # errors .0022
    assert rho[0, -1].abs() > 0.02


def test_an_estimate_repeats_and_leaves_the_random_state_alone():
    z, u = mirrored(600)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second, other = (estimate(z, u, steps=20, seed=seed) for seed in (0, 0, 1))
    assert first == second != other
    assert torch.equal(torch.get_rng_state(), before)
