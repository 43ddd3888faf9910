"""The authors' variant: their numbers from their formulas, written out the slow way."""

import numpy as np
import pytest
import torch

from auxvae_lite.datasets import FactorDataset
from auxvae_lite.models import Output, Posterior
from auxvae_lite.simulators import galaxies
from auxvae_lite.study import authors
from auxvae_lite.training import Config, total
from auxvae_lite.training import terms as training_terms


def rho(a, b):
    return np.corrcoef(a, b)[0, 1]


def test_the_loss_is_theirs():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.rand(*shape, dtype=torch.float64, generator=generator)  # noqa: E731
    B, K, d = 64, 3, 5
    x, x_hat, u, mu, logvar, z = draw(B, 1, 9, 9), draw(B, 1, 9, 9), draw(B, K), draw(B, d), draw(B, d), draw(B, d)
    config = authors.config()
    parts = authors.terms(config, Output(x_hat, Posterior(mu, logvar), z), x, u, prior_variance=1.0)

    recon = ((torch.log10(x_hat + 1e-10) - torch.log10(x + 1e-10)) ** 2).sum()
    centre = torch.cat([u, torch.zeros(B, d - K)], 1)
    kl = 0.5 * ((mu - centre) ** 2 + logvar.exp() - logvar - 1).sum()
    za, mr, un = z[:, :K].numpy(), mu[:, K:].numpy(), u.numpy()
    s_intra = sum(1 - rho(za[:, j], un[:, j]) for j in range(K))
    s_intra += sum(abs(rho(za[:, j], un[:, k])) for j in range(K) for k in range(K) if j != k)
    powers = [(a, b) for a in (1, 2, 3) for b in (1, 2, 3)]
    s_inter = sum(abs(rho(mr[:, j] ** a, un[:, k] ** b)) for a, b in powers for j in range(d - K) for k in range(K))
    s_inter += sum(abs(rho(mr[:, j], un[:, i] * un[:, k])) for j in range(d - K) for i in range(K) for k in range(i))
    expected = (recon + 20 * kl) / (B * 81) + 0.4 * s_inter / (d - K) + 0.5 * s_intra
    assert float(total(config, parts, pixels=81)) == pytest.approx(float(expected), rel=1e-10)


def test_one_difference_at_a_time():
    """`log10_terms` has their R and our rest; `sampled_terms` has their sampled penalties and our rest."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.rand(*shape, generator=generator)  # noqa: E731
    x, u = draw(32, 1, 4, 4), draw(32, 2)
    output = Output(draw(32, 1, 4, 4), Posterior(draw(32, 5), draw(32, 5)), draw(32, 5))
    given = Config.paper(), output, x, u, 0.01
    ours, theirs = training_terms(*given), authors.terms(*given)
    assert all(a != b for a, b in zip(ours[:1] + ours[2:4], theirs[:1] + theirs[2:4], strict=True))
    assert authors.log10_terms(*given) == ours._replace(reconstruction=theirs.reconstruction)
    sampled = authors.sampled_terms(*given)
    assert sampled == ours._replace(explicitness=sampled.explicitness, intra=sampled.intra)
    assert sampled[2:5] == theirs[2:5]  # the penalties on z_recon see means in both


def test_a_logarithm_is_given_what_is_above_zero():
    x_hat = authors.SigmoidVAE((1, 33, 33), ["flux"], widths=(4, 4, 8, 8))(torch.randn(2, 1, 33, 33)).x_hat
    assert x_hat.shape == (2, 1, 33, 33) and x_hat.min() > 0 and x_hat.max() < 1


def test_empty_pixels_and_a_saturated_output_stay_finite():
    x_hat = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).requires_grad_()
    posterior = Posterior(torch.zeros(2, 3), torch.zeros(2, 3))
    parts = authors.terms(
        authors.config(), Output(x_hat, posterior, posterior.mu), torch.zeros(2, 1, 1, 1), torch.rand(2, 1), 1.0
    )
    (gradient,) = torch.autograd.grad(parts.reconstruction, x_hat)
    assert torch.isfinite(parts.reconstruction) and torch.isfinite(gradient).all()


def test_the_settings_are_theirs():
    config = authors.config()
    assert (config.prior_variance, config.epochs, config.batch_size) == (1.0, 1000, 64)
    assert (config.lr, config.schedule, config.clip) == (1e-3, "constant", None)
    assert config.image_scaling == config.factor_scaling == "minmax"


def test_the_network_is_theirs():
    model = authors.AuthorsVAE((1, 33, 33), galaxies.NAMES, widths=(32, 64, 128, 256))
    assert [tuple(p.shape) for n, p in model.named_parameters() if n.endswith("weight")] == [
        (32, 1, 4, 4), (64, 32, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4), (20, 1024),
        (10, 128, 4, 4), (128, 64, 4, 4), (64, 32, 4, 4), (32, 1, 5, 5),
    ]  # fmt: skip
    x_hat = model(torch.rand(2, 1, 33, 33)).x_hat
    assert x_hat.shape == (2, 1, 33, 33) and x_hat.min() > 0 and x_hat.max() < 1
    with pytest.raises(ValueError, match="use AuxVAE for other sizes"):
        authors.AuthorsVAE((1, 28, 28))


def test_it_trains_and_scores_three_factors(tmp_path):
    data = FactorDataset(*galaxies.simulate(64, seed=0))
    config = authors.config(epochs=1, widths=(4, 4, 8, 8))
    model, history = authors.fit(config, data, checkpoint=tmp_path / "c")
    kept = authors.AuthorsVAE.load(tmp_path / "c").state_dict()
    assert all(torch.equal(tensor, kept[name]) for name, tensor in model.state_dict().items())
    assert np.isfinite(history[0]["loss"])
    z = model.encode(data.images).mu.numpy()
    assert authors.lds(z, data.factors).value == pytest.approx(
        np.mean([(r := np.abs(np.corrcoef(z.T, data.factors[:, k])[-1, :-1])).max() / r.sum() for k in range(3)])
    )
