"""A generator in one file: ours, with its model's name and its config, in safetensors; or a published state dict.

Loading never runs code from the file.
"""

import json
import textwrap
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from coldstart import __version__, cli
from coldstart.dataset import write_atomic
from coldstart.errors import UserError
from gan.networks import Generator, ResnetConfig, ResnetGenerator, UnetConfig, UnetGenerator
from gan.networks.bilateral import BilateralConfig, BilateralGenerator
from gan.networks.guided import GuidedConfig, GuidedGenerator
from gan.networks.published import generator_of
from gan.networks.stylegan2 import StyleConfig, StyleGAN2Generator

__all__ = ["GENERATOR_FILES", "load_generator", "load_published", "load_sampler", "save_generator"]

# What gan.train leaves: the generator that measured best, and that of the last step.
GENERATOR_FILES = {"best": "generator.safetensors", "last": "generator_last.safetensors"}

METADATA = "coldstart-generator"  # a single key: safetensors writes several in an order that changes between runs
PUBLISHED = (".pth", ".pt")  # how files with state dicts of the authors' PyTorch code end

# Every generator that a file may hold, by the name it has there: what to build, and from which config.
GENERATORS: dict[str, tuple[type[nn.Module], type[Any]]] = {
    "resnet": (ResnetGenerator, ResnetConfig),
    "unet": (UnetGenerator, UnetConfig),
    "guided": (GuidedGenerator, GuidedConfig),
    "stylegan2": (StyleGAN2Generator, StyleConfig),
    "bilateral": (BilateralGenerator, BilateralConfig),
}


def save_generator(path: Path, generator: nn.Module, model: str, config: Any) -> None:
    """Write `generator`, built from `config`, atomically; `model` is the name it was trained under."""
    record = {
        "coldstart": __version__,
        "model": model,
        "network": next(name for name, (network, _) in GENERATORS.items() if type(generator) is network),
        "in_channels": generator.in_channels,
        "out_channels": generator.out_channels,
        "generator": asdict(config),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in generator.state_dict().items()}
    write_atomic(path, safetensors.torch.save(tensors, {METADATA: json.dumps(record)}))


def load_generator(path: Path) -> tuple[Generator, str]:
    """The generator in `path`, ready to translate, and the name of its model, `published` for a .pth or .pt file.

    Raises:
        UserError: the file is missing, of another kind, or holds no generator that translates.
    """
    if path.suffix in PUBLISHED and path.is_file():
        return load_published(path), "published"
    generator, model = _load(path)
    if not isinstance(generator, Generator):
        raise UserError(f"{path}: holds a {model}, which makes pictures from chance; give it to gan.sample")
    return generator, model


def load_sampler(path: Path) -> tuple[StyleGAN2Generator, str]:
    """The generator in `path` that makes pictures from chance, and the name of its model.

    Raises:
        UserError: the file is missing, of another kind, or holds a translator.
    """
    generator, model = _load(path)
    if not isinstance(generator, StyleGAN2Generator):
        raise UserError(f"{path}: holds a {model}, which needs pictures to translate; give it to gan.translate")
    return generator, model


def _load(path: Path) -> tuple[nn.Module, str]:
    """What `save_generator` wrote, ready to use, and its model's name."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; give the generator.safetensors that gan.train wrote")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise UserError(
            f"{path}: is no safetensors file ({error}); give the generator.safetensors that gan.train wrote"
        ) from None
    if METADATA not in metadata:
        raise UserError(f"{path}: holds no generator; give the generator.safetensors that gan.train wrote")
    try:
        record = json.loads(metadata[METADATA])
        network, config = GENERATORS[record["network"]]
        settings = asdict(cli.typed(config, record["generator"], "generator"))
        generator = network(record["in_channels"], record["out_channels"], **settings)
        generator.load_state_dict(tensors)
        return generator.eval(), str(record["model"])
    except (KeyError, TypeError, UserError, ValueError, RuntimeError) as error:
        raise UserError(f"{path}: its weights do not fit its config ({_short(error)})") from None


def load_published(path: Path) -> Generator:
    """The generator in a state dict of the authors' PyTorch code for CycleGAN and pix2pix, ready to translate.

    Its weights are read as plain tensors: a pickle that asks for anything else is refused before it runs.

    Raises:
        UserError: the file is missing, no such state dict, or not that of a ResNet or U-Net generator.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises what the damaged bytes happen to lead to
        raise UserError(f"{path}: is no file of plain PyTorch weights ({type(error).__name__})") from None
    if not isinstance(state, Mapping) or not all(
        isinstance(k, str) and isinstance(t, Tensor) for k, t in state.items()
    ):
        raise UserError(f"{path}: is no state dict; give a *_net_G*.pth of CycleGAN's or pix2pix's PyTorch code")
    try:
        return generator_of(state).eval()
    except UserError as error:
        raise UserError(f"{path}: {_short(error)}") from None


def _short(error: Exception) -> str:
    return textwrap.shorten(str(error), 200, placeholder=" …")
