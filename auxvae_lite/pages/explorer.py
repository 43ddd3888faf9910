r"""Decoders for the explorer pages: weights that a script in the reader's browser can use, and the same as ONNX.

`python -m auxvae_lite.pages.explorer FOLDER` writes both for the pretrained models of `NAMES`.
"""

import argparse
import base64
import contextlib
import copy
import io
import json
import logging
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from .. import files
from ..factors import column_names, numeric
from ..models import Constant
from ..simulators import cars, dsprites, galaxies
from . import pretrained

__all__ = ["NAMES", "PAGES", "STARTS", "Page", "export", "layers", "to_onnx"]

NAMES = (
    "galaxies-auxvae",
    "galaxies-mended",
    "galaxies-betavae",
    "dsprites-auxvae",
    "dsprites-betavae",
    "cars-auxvae",
    "cars-betavae",
)
STARTS = {  # where the page's sliders can start: flux (counts), radius (arcsec), g1, g2, psf (arcsec)
    "round, of middling size": (55000.0, 0.55, 0.0, 0.0, 0.3),
    "small and faint": (25000.0, 0.25, 0.1, -0.1, 0.35),
    "large and bright": (90000.0, 0.8, -0.3, 0.2, 0.25),
    "stretched": (60000.0, 0.45, 0.3, 0.25, 0.3),
}
SPRITES = {  # shape, scale, orientation (rad), posX, posY
    "square": (0.0, 0.9, 0.3, 0.5, 0.5),
    "ellipse": (1.0, 0.9, 0.3, 0.5, 0.5),
    "heart": (2.0, 0.9, 0.3, 0.5, 0.5),
}
FLEET = {  # elevation, azimuth (deg), length, height (m), cabin, lightness, warmth
    "saloon": (18.0, 30.0, 4.4, 1.45, 0.2, 0.5, 0.7),
    "van": (18.0, 30.0, 4.4, 1.8, 0.95, 0.65, -0.6),
    "small car": (18.0, 30.0, 3.6, 1.5, 0.6, 0.6, 0.0),
}
MIDDLE = (0.02, 0.98)  # of the codes of a sample: the range of a nameless latent's slider


class Page(NamedTuple):
    """What an explorer page shows: pictures of `starts` and of `sample`, by `draw`, and the columns that may guide."""

    shape: tuple
    draw: Callable
    starts: dict
    sample: Callable
    columns: dict


def _fleet(rows):
    elevation, azimuth, *parameters = np.asarray(rows).T
    return cars.render(np.stack(parameters, axis=1), elevation, azimuth)


def _cars():
    elevation, cos, sin, *parameters = cars.Cars(64, seed=5).sample(1024, seed=5).factors.T
    return np.stack([elevation, np.degrees(np.arctan2(sin, cos)), *parameters], axis=1)


TURN = {"_cos": (-1, 1, "1"), "_sin": (-1, 1, "1")}
PAGES = {  # by the first word of a decoder's name
    "galaxies": Page(
        (1, galaxies.SIZE, galaxies.SIZE),
        lambda rows: galaxies.render(rows, dtype=torch.float64),
        STARTS,
        lambda: galaxies.sample(2048, seed=5),
        galaxies.FACTORS,
    ),
    "dsprites": Page(
        (1, dsprites.SIZE, dsprites.SIZE),
        dsprites.render,
        SPRITES,
        lambda: dsprites.simulate(1024, seed=5).factors,
        {name: (values[0], values[-1], unit) for name, (values, unit) in dsprites.FACTORS.items()}
        | {f"orientation{end}": span for end, span in TURN.items()}
        | {f"shape_{shape}": (0, 1, "1") for shape in dsprites.SHAPES},
    ),
    "cars": Page(
        (3, cars.SIZE, cars.SIZE),
        _fleet,
        FLEET,
        _cars,
        {"elevation": (cars.ELEVATIONS[0], cars.ELEVATIONS[-1], "deg")}
        | {f"azimuth{end}": span for end, span in TURN.items()}
        | cars.PARAMETERS,
    ),
}


def layers(decoder):
    r"""A decoder as transposed convolutions alone, each `Constant` and `BatchNorm2d` folded into the one before it.

    A BatchNorm in evaluation mode is y = s (x - m) + b with s = gamma / sqrt(v + epsilon), so weight' = s weight and
    bias' = s (bias - m) + b give the same pictures exactly; it is computed in float64. A Constant c makes the bias
    bias + c, which has a value for each place.

    Arguments:
        decoder: `nn.Sequential` of `ConvTranspose2d`, `Constant`, `BatchNorm2d` and `SiLU`.

    Returns:
        A dictionary per convolution: weight (in, out, kH, kW) and bias in float64, stride, padding and output_padding
        as pairs, and activation, "silu" or "none". The bias has shape (out,), or with a `Constant` (out, H, W), the
        convolution's own output.

    Raises:
        ValueError: for any other layer, or a Constant, BatchNorm or SiLU that does not follow a convolution.
    """
    result = []
    for layer in decoder:
        last = result[-1] if result else {"activation": "nothing before it"}
        if isinstance(layer, nn.ConvTranspose2d) and layer.groups == 1 and layer.dilation == (1, 1):
            weight = layer.weight.detach().double()
            bias = weight.new_zeros(weight.shape[1]) if layer.bias is None else layer.bias.detach().double()
            shape = {name: list(getattr(layer, name)) for name in ("stride", "padding", "output_padding")}
            result.append({"weight": weight, "bias": bias, "activation": "none"} | shape)
        elif isinstance(layer, Constant) and last["activation"] == "none":
            last["bias"] = _each_channel(last["bias"], layer.bias) + layer.bias.detach().double()
        elif isinstance(layer, nn.BatchNorm2d) and last["activation"] == "none":
            scale = layer.weight.detach().double() / (layer.running_var.double() + layer.eps).sqrt()
            last["weight"] = last["weight"] * scale[:, None, None]
            parts = (scale, layer.running_mean.double(), layer.bias.detach().double())
            scale, mean, shift = (_each_channel(part, last["bias"]) for part in parts)
            last["bias"] = scale * (last["bias"] - mean) + shift
        elif isinstance(layer, nn.SiLU) and last["activation"] == "none":
            last["activation"] = "silu"
        else:
            raise ValueError(f"the explorer's script cannot draw {layer} after {last['activation']}")
    return result


def _each_channel(values, like):
    """Values of channels, (C,) or already (C, H, W), so that they go with `like`, (C,) or (C, H, W)."""
    return values.reshape(-1, *[1] * (like.ndim - 1)) if values.ndim < like.ndim else values


@torch.no_grad()
def export(model, folder, name):
    """Write `name`.js: a classic script that hands one decoder to its explorer page, `AuxVAE.decoders[name]`.

    It holds float32 weights in base64, the scalings of pixels and factors, the factors' ranges, and the codes of the
    page's starts, noiseless, so that each model can start from the same picture. In float16 the Aux-VAE's galaxies
    would be off by up to 2e-3 of full scale, since the inverse of asinh turns an error of a pixel into a relative one.

    Arguments:
        model: `AuxVAE` of the page's pictures, with any of their columns or none; an angle is told as its cosine and
            sine, a class as a column for each label.
        folder: Where to write.
        name: Name of the file and of the decoder; its first word, up to a hyphen, is one of `PAGES`.

    Returns:
        Path of the file. The same model gives the same bytes.

    Raises:
        ValueError: if there is no such page, it shows other pictures, or the decoder has layers that the script lacks.
    """
    kind = name.split("-")[0]
    if kind not in PAGES:
        raise ValueError(f"no page {kind!r}; a decoder's name begins with {', '.join(PAGES)}")
    page = PAGES[kind]
    columns = column_names(model.factors, model.kinds)
    if model.image_shape != page.shape or not set(columns) <= set(page.columns):
        raise ValueError(f"the explorer shows {kind}, images of shape {page.shape}; got {model.image_shape}")
    codes, starts = (_codes(model, page.draw(rows)) for rows in (page.sample(), list(page.starts.values())))
    low, high = (codes.quantile(share, dim=0) for share in MIDDLE)
    config = model.provenance.get("config", {})
    content = {
        "image_shape": model.image_shape,
        "latent_dim": model.latent_dim,
        "likelihood": model.likelihood,
        "image_scaling": _scaling(model.image_scaling),
        "factor_scaling": _scaling(model.factor_scaling),
        "factors": [
            dict(zip(("name", "low", "high", "unit"), (name, *page.columns[name]), strict=True)) for name in columns
        ],
        "low": low.floor().tolist(),
        "high": high.ceil().tolist(),
        "starts": [
            {"name": key, "factors": values, "latents": [round(z, 3) for z in row]}
            for (key, values), row in zip(page.starts.items(), starts.tolist(), strict=True)
        ],
        "seed": config.get("seed"),
        "layers": [
            layer | {"weight": _pack(layer["weight"]), "bias": _pack(layer["bias"])} for layer in layers(model.decoder)
        ],
    }
    text = (
        f"// The decoder {name}, made by `make explorer` (auxvae_lite.pages.explorer.export); not edited by hand.\n"
        "window.AuxVAE = window.AuxVAE || {};\n"
        "AuxVAE.decoders = AuxVAE.decoders || {};\n"
        f"AuxVAE.decoders[{json.dumps(name)}] = {json.dumps(content)};\n"
    )
    path = Path(folder, f"{name}.js")
    files.write_text(path, text)
    return path


def to_onnx(model, path):
    """Write the decoder as ONNX: latents (n, d) in latent units to images (n, C, H, W) in data units, float32.

    The file's metadata hold the factors' names, offset and scale: latent j of a factor is (factor - offset) / scale
    where the factors are scaled by `standard` or `minmax`. Where some are angles or classes, `columns` has a name for
    each guided latent (`factors.column_names`), and `periods` and `classes` say what they stand for.

    Arguments:
        model: `AuxVAE`.
        path: File to write.

    Returns:
        Its path.

    Raises:
        ModuleNotFoundError: without onnx and onnxscript; `pip install onnx onnxscript`.
        OSError: if it cannot be written, naming the file; what was there before stays.
    """
    import onnx
    import onnxscript  # noqa: F401 (torch.onnx needs it, and would say so less clearly)

    network = _Latents(copy.deepcopy(model)).eval()
    names = {"input_names": ["latents"], "output_names": ["images"]}
    size = {"dynamic_shapes": ({0: torch.export.Dim("n")},)}
    with tempfile.TemporaryDirectory() as folder, _quiet():
        draft = Path(folder, "draft.onnx")
        torch.onnx.export(network, (torch.zeros(2, model.latent_dim),), draft, dynamo=True, verbose=False,
                          external_data=False, **names, **size)  # fmt: skip
        graph = onnx.load(draft)
    _strip(graph)
    scaling = model.factor_scaling
    facts = {"factors": list(model.factors), "factor_scaling": _scaling(scaling) if model.factors else None}
    if not numeric(model.kinds):
        _, header = model.contents()
        facts |= {"columns": column_names(model.factors, model.kinds)}
        facts |= {name: header[name] for name in ("periods", "classes")}
    for key, value in facts.items():
        graph.metadata_props.add(key=key, value=json.dumps(value))
    graph.doc_string = "Latents (n, d) in latent units to images (n, C, H, W) in data units."
    onnx.checker.check_model(graph)
    with files.replacing(path) as file:
        file.write(graph.SerializeToString(deterministic=True))
    return Path(path)


class _Latents(nn.Module):
    """What the ONNX file computes."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, latents):
        return self.model.pixels(self.model.decoder(latents[:, :, None, None]))


def _codes(model, images):
    """Posterior means of noiseless pictures, (n, d), in float64 so that every machine rounds them alike."""
    model = copy.deepcopy(model).double().eval()
    parts = torch.as_tensor(images).double().split(256)
    return torch.cat([model.encoder(model.image_scaling(part)).chunk(2, dim=1)[0] for part in parts])


def _scaling(scaling):
    return {
        "kind": scaling.kind,
        "softening": scaling.softening,
        "offset": scaling.offset.tolist(),
        "scale": scaling.scale.tolist(),
    }


def _pack(tensor):
    content = tensor.float().contiguous().numpy().astype("<f4").tobytes()
    return {"shape": list(tensor.shape), "float32": base64.b64encode(content).decode()}


def _strip(graph):
    """Take out what the exporter notes of this machine and run: stack traces, paths, names of nodes."""
    parts = [graph.graph, *graph.graph.node, *graph.graph.input, *graph.graph.output, *graph.graph.value_info]
    for part in [*parts, *graph.graph.initializer, *graph.functions]:
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    del graph.metadata_props[:]


@contextlib.contextmanager
def _quiet():
    """Neither the exporter's progress nor its deprecations: none of them is about our graph."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), \
                contextlib.redirect_stderr(io.StringIO()):  # fmt: skip
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def main(arguments=None):
    """Write every decoder of the pages, twice."""
    parser = argparse.ArgumentParser("python -m auxvae_lite.pages.explorer", description=__doc__.splitlines()[0])
    parser.add_argument("folder", metavar="FOLDER", help="where to write: the book's own is book/_static/explorer")
    folder = parser.parse_args(arguments).folder
    try:
        files.check_writable(Path(folder, f"{NAMES[0]}.js"))
    except OSError as error:
        parser.error(str(error))
    for name in NAMES:
        model = pretrained.load(name)
        for path in (export(model, folder, name), to_onnx(model, Path(folder, f"{name}.onnx"))):
            print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
