"""Figures: drawn without a screen, with the numbers that they were given."""

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402

from auxvae_lite import viz  # noqa: E402
from auxvae_lite.models import AuxVAE  # noqa: E402

RNG = np.random.default_rng(0)
IMAGES = RNG.random((6, 1, 33, 33)).astype(np.float32)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_reconstructions_have_one_scale_per_image():
    figure = viz.reconstructions(IMAGES, IMAGES * 0.5, clean=IMAGES, columns=3)
    axes = np.array(figure.axes).reshape(4, 3)
    for column in range(3):
        limits = {axes[row, column].images[0].get_clim() for row in range(3)}
        assert limits == {(0, IMAGES[column].max())}
        np.testing.assert_allclose(axes[3, column].images[0].get_array(), IMAGES[column, 0] * 0.5)


def test_there_are_as_many_columns_as_images():
    figure = viz.reconstructions(IMAGES[:4], torch.from_numpy(IMAGES[:4]), columns=6)
    assert len(figure.axes) == 3 * 4
    with pytest.raises(ValueError, match=r"x_hat must have the images' shape \(6, 1, 33, 33\), got \(4, 1, 33, 33\)"):
        viz.reconstructions(IMAGES, IMAGES[:4])


def test_traversals_draw_what_the_model_decodes():
    model = AuxVAE((1, 33, 33), ("size",), widths=(4, 4, 8, 8)).eval()
    figure = viz.traversals(model, IMAGES[0], {"size": (0, 1), 3: (-2, 2)}, steps=3)
    assert [axis.get_title() for axis in figure.axes] == ["0", "0.5", "1", "-2", "0", "2"]
    decoded = model.traverse(IMAGES[0], 3, [-2, 0, 2])[:, 0]
    np.testing.assert_allclose(figure.axes[5].images[0].get_array(), decoded[2])


def test_correlation_map_writes_the_correlations():
    u = RNG.random((50, 2))
    figure = viz.correlation_map(np.hstack([u, RNG.random((50, 1))]), u, ["size", "angle"])
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert len(texts) == 6 and texts[0] == texts[4] == "1.00"


def test_training_curves_draw_validation_where_there_is_some():
    row = dict.fromkeys(("reconstruction", "kl", "explicitness", "intra", "inter", "loss"), 1.0)
    assert len(viz.training_curves([row, row]).axes[0].lines) == 1
    watched = row | {f"validation_{name}": value for name, value in row.items()}
    assert len(viz.training_curves([watched, watched]).axes[0].lines) == 2
