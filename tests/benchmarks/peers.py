r"""A beta-VAE on a given network, trained by the peers' own trainers as their READMEs tell a user to.

All minimise sum (x - x_hat)^2 / (2 sigma^2) + KL, averaged over the batch, up to a factor that Adam does not see. The
rest is the peer's default, with data in memory, num_workers=0, no progress bars, logs or checkpoints. An epoch's clock
runs from before its first batch to after its last, so pythae's copy and file of the best model are not counted.
"""

import tempfile
import time
from functools import partial
from typing import NamedTuple

__all__ = ["Trained", "load_torchvision", "train_disent", "train_pythae"]


class Trained(NamedTuple):
    """Seconds and mean loss (nats per image) of each epoch, and the number of optimiser steps in all."""

    seconds: list
    losses: list
    steps: int


def train_pythae(network, images, batch, epochs, lr, sigma):
    """Train with pythae's `TrainingPipeline`.

    Arguments:
        network: An `AuxVAE` without factors; None for the peer's own perceptron with 10 latents.
        images: Scaled images, float32, shape (n, C, H, W).
        batch, epochs, lr: Rows per step, epochs, Adam's learning rate.
        sigma: Pixel noise of the objective.

    Returns:
        `Trained`.
    """
    from pythae.models import BetaVAE, BetaVAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig, training_callbacks

    class Encoder(BaseEncoder):
        def forward(self, x):
            mu, logvar = self.layers(x).chunk(2, dim=1)
            return ModelOutput(embedding=mu, log_covariance=logvar)

    class Decoder(BaseDecoder):
        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z[:, :, None, None]))

    class Clock(training_callbacks.TrainingCallback):
        def on_train_step_begin(self, *_, **__):  # called once per epoch
            starts.append(time.perf_counter())
            ends.append([])

        def on_train_step_end(self, *_, **__):
            ends[-1].append(time.perf_counter())

        def on_log(self, *_, logs, **__):
            losses.append(logs["train_epoch_loss"] / sigma**2)

    starts, ends, losses = [], [], []
    training_callbacks.tqdm = partial(training_callbacks.tqdm, disable=True)  # its progress bar has no switch
    config = BetaVAEConfig(input_dim=tuple(images.shape[1:]), latent_dim=10, beta=sigma**2)
    model = BetaVAE(config)
    if network is not None:
        encoder, decoder = Encoder(), Decoder()
        encoder.layers, decoder.layers = network.encoder, network.decoder
        model = BetaVAE(config, encoder, decoder)
    with tempfile.TemporaryDirectory() as folder:
        settings = dict(output_dir=folder, num_epochs=epochs, learning_rate=lr, per_device_train_batch_size=batch)
        pipeline = TrainingPipeline(model=model, training_config=BaseTrainerConfig(**settings, no_cuda=True))
        pipeline(images, callbacks=[Clock()])
    seconds = [steps[-1] - start for start, steps in zip(starts, ends, strict=True)]
    return Trained(seconds, losses, sum(map(len, ends)))


def train_disent(network, images, batch, epochs, lr, sigma):
    """Train disent's `BetaVae` with lightning's `Trainer`; arguments and result as in `train_pythae`."""
    load_torchvision()
    import lightning
    from disent.dataset import DisentDataset
    from disent.dataset.data import ArrayDataset
    from disent.frameworks.vae import BetaVae
    from disent.model import AutoEncoder, DisentDecoder, DisentEncoder
    from disent.model.ae import DecoderFC, EncoderFC
    from torch.utils.data import DataLoader

    class Encoder(DisentEncoder):
        def encode(self, x):
            return self.layers(x)

    class Decoder(DisentDecoder):
        def decode(self, z):
            return self.layers(z[:, :, None, None])

    class Clock(lightning.Callback):
        def on_train_epoch_start(self, *_):
            seconds.append(-time.perf_counter())
            losses.append([])

        def on_train_batch_end(self, trainer, module, outputs, *_):
            losses[-1].append(outputs["loss"].detach())

        def on_train_epoch_end(self, *_):
            seconds[-1] += time.perf_counter()

    seconds, losses, shape = [], [], tuple(images.shape[1:])
    encoder = (EncoderFC if network is None else Encoder)(shape, z_size=10, z_multiplier=2)
    decoder = (DecoderFC if network is None else Decoder)(shape, z_size=10)
    if network is not None:
        encoder.layers, decoder.layers = network.encoder, network.decoder
    settings = dict(optimizer_kwargs={"lr": lr}, loss_reduction="mean_sum", beta=2 * sigma**2)  # its mse lacks the 1/2
    off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = lightning.Trainer(max_epochs=epochs, accelerator="cpu", callbacks=[Clock()], **off)
    loader = DataLoader(DisentDataset(ArrayDataset(images)), batch, shuffle=True, num_workers=0)
    trainer.fit(BetaVae(AutoEncoder(encoder, decoder), BetaVae.cfg(**settings)), loader)
    means = [float(sum(epoch)) / len(epoch) / (2 * sigma**2) for epoch in losses]
    return Trained(seconds, means, trainer.global_step)


def load_torchvision():
    """Import torchvision, which disent needs, also beside a CPU build of torch that its operators do not fit."""
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:  # operator torchvision::nms does not exist; the failure costs milliseconds
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision  # noqa: F401
