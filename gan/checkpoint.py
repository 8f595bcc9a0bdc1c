"""A trained generator as one small file: its weights, its model's name and its config, in safetensors.


"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import nn

from coldstart import __version__, cli
from coldstart.dataset import write_atomic
from coldstart.errors import UserError
from gan.networks import ResnetConfig, ResnetGenerator, UnetConfig, UnetGenerator

__all__ = ["load_generator", "save_generator"]

METADATA = "coldstart-generator"  # a single key: safetensors writes several in an order that changes between runs

# Every generator that a file may hold, by the name it has there: what to build, and from which config.
GENERATORS: dict[str, tuple[type[nn.Module], type[Any]]] = {
    "resnet": (ResnetGenerator, ResnetConfig),
    "unet": (UnetGenerator, UnetConfig),
}


def save_generator(path: Path, generator: nn.Module, model: str, config: Any) -> None:
    """Write `generator`, built from `config`, atomically; `model` is the name it was trained under."""
    name = next(name for name, (network, _) in GENERATORS.items() if type(generator) is network)
    record = {
        "coldstart": __version__,
        "model": model,
        "network": name,
        "in_channels": generator.in_channels,
        "out_channels": generator.out_channels,
        "generator": asdict(config),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in generator.state_dict().items()}
    write_atomic(path, safetensors.torch.save(tensors, {METADATA: json.dumps(record)}))


def load_generator(path: Path) -> tuple[nn.Module, str]:
    """The generator in `path`, ready to translate, and the name of its model.

    Raises:
        UserError: the file is missing, no safetensors file, or not a generator of ours.
    """
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
        settings = cli.typed(config, record["generator"], "generator")
        generator = network(record["in_channels"], record["out_channels"], **asdict(settings))
        generator.load_state_dict(tensors)
        return generator.eval(), str(record["model"])
    except (KeyError, TypeError, UserError, ValueError, RuntimeError) as error:
        raise UserError(f"{path}: its weights do not fit its config ({str(error).splitlines()[0]})") from None
