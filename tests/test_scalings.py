"""Scalings: exact inverses, fitted ranges, refusals."""

import pytest
import torch

from auxvae_lite.scalings import KINDS, Scaling


@pytest.fixture
def counts():
    generator = torch.Generator().manual_seed(0)
    images = torch.poisson(10 ** (5 * torch.rand(20, 1, 9, 9, generator=generator, dtype=torch.float64)), generator)
    images[:, :, 0] = 0
    return images


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_invert(kind, counts):
    scaling = Scaling.fit(kind, counts)
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 2e-6)):
        images = counts.to(dtype)
        error = (scaling.inverse(scaling(images)) - images).abs().max() / counts.max()
        assert scaling(images).dtype == dtype
        assert error <= tolerance, f"{kind} {dtype}: {error:.1e} of full scale"


@pytest.mark.parametrize("kind", KINDS)
def test_factors_invert_column_by_column(kind):
    u = torch.tensor([[1e4, 0.1, -0.5], [5e4, 0.7, 0.4], [1e5, 1.0, 0.5]], dtype=torch.float64)
    u = u.abs() if kind == "log10" else u
    scaling = Scaling.fit(kind, u, dim=0)
    error = ((scaling.inverse(scaling(u)) - u) / u.abs().amax(0)).abs().max()
    assert error <= 1e-6


def test_fitted_ranges():
    u = torch.tensor([[1.0, -2.0], [3.0, 0.0], [8.0, 5.0]], dtype=torch.float64)
    standard = Scaling.fit("standard", u, dim=0)(u)
    torch.testing.assert_close(standard.mean(0), torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(standard.var(0, correction=0), torch.ones(2, dtype=torch.float64))
    minmax = Scaling.fit("minmax", u, dim=0)(u)
    assert (minmax.amin(0) == 0).all() and (minmax.amax(0) == 1).all()


def test_asinh_is_linear_for_faint_and_logarithmic_for_bright_pixels(counts):
    scaling = Scaling.fit("asinh", counts)
    y = scaling(torch.tensor([0.0, 0.1, 0.2, 1e4, 1e5], dtype=torch.float64))
    assert y[0] == 0
    assert y[2] / y[1] == pytest.approx(2, rel=1e-3)
    assert float(y[4] - y[3]) == pytest.approx(float(torch.tensor(10.0).log() / scaling.scale), rel=1e-3)


def test_constant_data_and_unknown_kinds_are_refused():
    with pytest.raises(ValueError, match="column 1 holds one value"):
        Scaling.fit("standard", torch.tensor([[1.0, 4.0], [2.0, 4.0]]), dim=0)
    with pytest.raises(ValueError, match="the data holds one value"):
        Scaling.fit("minmax", torch.ones(3, 1, 4, 4))
    with pytest.raises(ValueError, match="choose one of minmax, standard, log10, asinh"):
        Scaling("sqrt")


def test_channels_with_a_softening_each_are_scaled_by_themselves():
    x = (
        torch.randn(50, 3, 4, 4, generator=torch.Generator().manual_seed(0))
        * torch.tensor([1.0, 30, 900])[:, None, None]
    )
    scaling = Scaling.fit("asinh", x, softening=(0.1, 3.0, 90.0))
    for channel, softening in enumerate((0.1, 3.0, 90.0)):
        alone = Scaling.fit("asinh", x[:, channel], softening=softening)
        torch.testing.assert_close(scaling(x)[:, channel], alone(x[:, channel]))
    torch.testing.assert_close(scaling.inverse(scaling(x)), x)
    assert float(scaling(x).abs().amax((0, 2, 3)).min()) == pytest.approx(1, abs=1e-6)
    with pytest.raises(ValueError, match="softening has 2 numbers, one for each channel"):
        Scaling.fit("asinh", x, softening=(1.0, 2.0))
