"""The book's figures: each function takes arrays or a model and returns a matplotlib figure."""

import matplotlib.pyplot as plt
import numpy as np

from .arrays import take_images
from .metrics import correlations

__all__ = ["correlation_map", "reconstructions", "training_curves", "traversals"]


def reconstructions(images, x_hat, clean=None, columns=6):
    """Images above their reconstructions and the difference, in one colour scale per image.

    Arguments:
        images, x_hat: Shape (n, C, H, W), in data units; the first channel is drawn.
        clean: Noiseless images, drawn as a further row.
        columns: Number of images, or all that there are.

    Raises:
        ValueError: if `images`, `x_hat` and `clean` differ in shape, and as in `arrays.take_images`.
    """
    images, x_hat = take_images(images), take_images(x_hat, "x_hat")
    clean = None if clean is None else take_images(clean, "clean")
    for label, other in (("x_hat", x_hat), ("clean", clean)):
        if other is not None and other.shape != images.shape:
            raise ValueError(f"{label} must have the images' shape {images.shape}, got {other.shape}")
    columns = min(columns, len(images))
    rows = [("observed", images), ("reconstructed", x_hat)] + ([] if clean is None else [("noiseless", clean)])
    rows.append(("observed - reconstructed", images - x_hat))
    figure, axes = plt.subplots(len(rows), columns, figsize=(1.25 * columns, 1.3 * len(rows)), squeeze=False)
    for axis_row, (label, row) in zip(axes, rows, strict=True):
        for column, axis in enumerate(axis_row):
            top = np.abs(images[column, 0]).max()
            difference = row is rows[-1][1]
            limits = (
                {"cmap": "RdBu_r", "vmin": -0.2 * top, "vmax": 0.2 * top} if difference else {"vmin": 0, "vmax": top}
            )
            axis.imshow(row[column, 0], **limits)
            _bare(axis)
        axis_row[0].set_ylabel(label.replace(" - ", "\n- "), fontsize=8)
    figure.tight_layout(pad=0.3)
    return figure


def traversals(model, image, spans, steps=7):
    """One row per latent: the image decoded while that latent runs through its span.

    Arguments:
        model: An `AuxVAE`.
        image: Shape (C, H, W), in data units.
        spans: Mapping of a factor's name (in its own unit) or a latent's index (in latent units) to (low, high).
        steps: Pictures per row.
    """
    figure, axes = plt.subplots(len(spans), steps, figsize=(1.05 * steps, 1.15 * len(spans)), squeeze=False)
    for axis_row, (latent, span) in zip(axes, spans.items(), strict=True):
        values = np.linspace(*span, steps)
        pictures = model.traverse(image, latent, values)[:, 0].numpy()
        for axis, value, picture in zip(axis_row, values, pictures, strict=True):
            axis.imshow(picture, vmin=0, vmax=max(0, pictures.max()))
            axis.set_title(f"{value:.3g}", fontsize=7, pad=2)
            _bare(axis)
        axis_row[0].set_ylabel(latent if isinstance(latent, str) else f"z[{latent}]", fontsize=8)
    figure.tight_layout(pad=0.3)
    return figure


def correlation_map(z, u, names):
    r"""\|rho\| of every latent with every factor, with the numbers written in.

    Arguments:
        z: Codes, shape (n, d).
        u: Factors, shape (n, K).
        names: The K factor names.
    """
    rho = np.abs(correlations(z, u)).T
    figure, axis = plt.subplots(figsize=(0.6 * rho.shape[1] + 1.6, 0.45 * rho.shape[0] + 1))
    picture = axis.imshow(rho, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    for (row, column), value in np.ndenumerate(rho):
        axis.text(
            column, row, f"{value:.2f}", ha="center", va="center", fontsize=8, color="black" if value < 0.6 else "white"
        )
    axis.set_xticks(range(rho.shape[1]), [f"z[{j}]" for j in range(rho.shape[1])], fontsize=8)
    axis.set_yticks(range(len(names)), names, fontsize=9)
    figure.colorbar(picture, label=r"$|\rho|$")
    figure.tight_layout()
    return figure


def training_curves(history):
    """Each term of the loss against the epoch, as `fit` recorded it; validation dashed where there is any.

    Arguments:
        history: `Fit.history`.
    """
    panels = {
        "reconstruction": r"$R$ (nats per image)",
        "kl": r"$\mathrm{KL}$ (nats per image)",
        "explicitness": "explicitness",
        "intra": "intra",
        "inter": "inter",
        "loss": r"loss $L$",
    }
    epochs = np.arange(1, len(history) + 1)
    figure, axes = plt.subplots(2, 3, figsize=(8.4, 4.4), sharex=True)
    for axis, (name, label) in zip(axes.flat, panels.items(), strict=True):
        axis.semilogy(epochs, [row[name] for row in history], color="C0", label="training")
        if f"validation_{name}" in history[0]:
            axis.semilogy(epochs, [row[f"validation_{name}"] for row in history], "--", color="C1", label="validation")
        axis.set_title(label, fontsize=9)
        axis.tick_params(labelsize=8)
    for axis in axes[1]:
        axis.set_xlabel("epoch", fontsize=9)
    axes[0, 0].legend(fontsize=8)
    figure.tight_layout()
    return figure


def _bare(axis):
    axis.set_xticks([])
    axis.set_yticks([])
