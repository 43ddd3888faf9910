"""AuxVAE: shapes, gradients, units in and out, generation, files."""

import math

import numpy as np
import pytest
import torch

from auxvae_lite import files
from auxvae_lite.cautions import AuxVAEWarning
from auxvae_lite.models import AuxVAE, Posterior
from auxvae_lite.scalings import Scaling

FACTORS = ("size", "angle")


@pytest.fixture
def model():
    torch.manual_seed(0)
    images = Scaling.fit("asinh", torch.linspace(0, 1000, 100))
    factors = Scaling.fit("standard", torch.tensor([[1.0, 0.0], [3.0, 90.0]]), dim=0)
    return AuxVAE((1, 33, 33), FACTORS, 4, (4, 4, 8, 8), images, factors).eval()


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 33, 33), (3, 64, 64), (2, 29, 47), (1, 16, 16)])
def test_any_image_goes_through_and_comes_back_in_shape(shape):
    model = AuxVAE(shape, FACTORS, widths=(4, 4, 8, 8))
    output = model(torch.rand(3, *shape))
    assert output.x_hat.shape == (3, *shape)
    assert output.posterior.mu.shape == output.posterior.logvar.shape == output.z.shape == (3, 10)


def test_every_parameter_gets_a_gradient():
    torch.manual_seed(0)
    model = AuxVAE((1, 33, 33), FACTORS)
    output = model(torch.rand(8, 1, 33, 33))
    (output.x_hat.square().sum() + output.posterior.mu.sum() + output.posterior.logvar.sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_posterior_samples_have_its_mean_and_spread():
    posterior = Posterior(torch.full((200000, 1), 3.0), torch.full((200000, 1), math.log(0.25)))
    z = posterior.sample(torch.Generator().manual_seed(0))
    assert float(z.mean()) == pytest.approx(3, abs=0.005)
    assert float(z.std()) == pytest.approx(0.5, abs=0.005)


def test_evaluation_takes_the_mean_and_training_samples(model):
    x = torch.rand(4, 1, 33, 33)
    assert torch.equal(model(x).z, model(x).posterior.mu)
    model.train()
    assert not torch.equal(model(x).z, model(x).posterior.mu)


def test_encode_and_decode_speak_data_units_and_leave_the_mode_alone(model):
    images = np.random.default_rng(0).poisson(50, (3, 1, 33, 33))
    posterior = model.encode(images)
    x = model.image_scaling(torch.tensor(images, dtype=torch.float32))
    torch.testing.assert_close(posterior.mu, model(x).posterior.mu)
    torch.testing.assert_close(model.decode(posterior.mu), model.image_scaling.inverse(model(x).x_hat))
    model.train()
    model.encode(images)
    assert model.training


def test_generate_places_the_scaled_factors_in_z_aux(model):
    u = [[2.5, 10.0], [1.0, 45.0]]
    z = torch.cat([model.factor_scaling(torch.tensor(u)), torch.zeros(2, 2)], dim=1)
    torch.testing.assert_close(model.generate(u, free="mean"), model.decode(z))
    drawn = [model.generate(u, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def test_traverse_by_name_is_in_the_factors_unit(model):
    image = np.full((1, 33, 33), 7.0)
    by_name = model.traverse(image, "angle", [0.0, 90.0])
    by_index = model.traverse(image, 1, [-1.0, 1.0])  # standardised 0 and 90 degrees
    torch.testing.assert_close(by_name, by_index)
    assert by_name.shape == (2, 1, 33, 33)


def test_saved_models_come_back_equal(model, tmp_path):
    model.provenance = {"config": {"seed": 3}}
    model.save(tmp_path / "m.safetensors")
    read = AuxVAE.load(tmp_path / "m.safetensors")
    images = np.random.default_rng(0).poisson(50, (3, 1, 33, 33))
    assert torch.equal(read.encode(images).mu, model.encode(images).mu)
    assert torch.equal(read.generate([[2.0, 3.0]], free="mean"), model.generate([[2.0, 3.0]], free="mean"))
    assert (read.factors, read.provenance, read.training) == (FACTORS, model.provenance, False)


def test_a_file_without_a_model_is_refused(tmp_path):
    files.write(tmp_path / "d.safetensors", {"a": np.ones(1)}, {"dataset": "FactorDataset"})
    with pytest.raises(ValueError, match="holds no model, not AuxVAE"):
        AuxVAE.load(tmp_path / "d.safetensors")


def test_bad_input_is_named(model):
    with pytest.raises(ValueError, match="got 1 for size, angle"):
        AuxVAE((1, 33, 33), FACTORS, latent_dim=1)
    with pytest.raises(ValueError, match="at least 16 pixels a side"):
        AuxVAE((1, 12, 33))
    with pytest.raises(ValueError, match=r"images must have shape \(n, 1, 33, 33\)"):
        model.encode(np.zeros((2, 1, 28, 28)))
    with pytest.raises(ValueError, match=r"z must have shape \(n, 4\)"):
        model.decode(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="a column for each of size, angle"):
        model.generate([[1.0]])
    with pytest.raises(ValueError, match="no factor 'mass'; this model has size, angle"):
        model.traverse(np.zeros((1, 33, 33)), "mass", [0.0])
    with pytest.raises(ValueError, match="no latent 4; this model has 0 to 3"):
        model.traverse(np.zeros((1, 33, 33)), 4, [0.0])


def test_a_file_that_names_no_likelihood_is_of_a_gaussian_model_and_unknown_fields_are_told(tmp_path):
    path, model = tmp_path / "model.safetensors", AuxVAE((1, 16, 16), ("a",), latent_dim=2, widths=(4, 4))
    model.provenance = {"config": {"beta": 4.0}}
    tensors, header = model.contents()
    del header["likelihood"]
    files.write(path, tensors, header)
    loaded = AuxVAE.load(path)
    assert loaded.likelihood == "gaussian" and loaded.provenance == {"config": {"beta": 4.0}}
    files.write(path, tensors, header | {"mood": 1})
    with pytest.warns(AuxVAEWarning, match=r"model\.safetensors has fields that .* does not know and ignores: mood"):
        AuxVAE.load(path)
