"""Generators from the state dicts of the authors' PyTorch code for CycleGAN and pix2pix, which say nothing but shapes.

Zhu et al. (arXiv 1703.10593) and Isola et al. (arXiv 1611.07004) publish weights in this form, and many have trained
with the same code since.
"""

from collections.abc import Mapping

from torch import Tensor

from coldstart.errors import UserError
from gan.networks.layers import Generator
from gan.networks.resnet import ResnetGenerator
from gan.networks.unet import UnetGenerator

__all__ = ["generator_of", "plain_keys"]

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def plain_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`state` as a network of today has it, generator or discriminator.

    Without the `module.` that training on several GPUs puts before each key, and without the statistics of instance
    norm that PyTorch kept before 0.4 and never used. Batch norm, which has weights, keeps its statistics.
    """
    wrapped = all(key.startswith("module.") for key in state)
    plain = {key.removeprefix("module.") if wrapped else key: tensor for key, tensor in state.items()}
    return {
        key: tensor
        for key, tensor in plain.items()
        if not key.endswith(STATISTICS) or f"{key.rpartition('.')[0]}.weight" in plain
    }


def generator_of(state: Mapping[str, Tensor]) -> Generator:
    """The generator whose weights `state` is; width, depth, normalisation and dropout follow from keys and shapes.

    Raises:
        UserError: it is neither a ResNet nor a U-Net generator of the published form, or some weight does not fit.
    """
    state = plain_keys(state)
    convolutions = {key: tensor for key, tensor in state.items() if tensor.ndim == 4}
    norm = "batch" if any(key.endswith("running_mean") for key in state) else "instance"
    blocks = len({key.split(".")[1] for key in state if ".conv_block." in key})
    resnet = convolutions.get("model.1.weight"), convolutions.get(f"model.{blocks + 17}.weight")
    unet = convolutions.get("model.model.0.weight"), convolutions.get("model.model.3.weight")
    generator: Generator
    if resnet[0] is not None and resnet[1] is not None:
        base, channels = resnet[0].shape[:2]
        # Dropout has no weights, but the second convolution of a block moves on by one.
        dropout = any(key.endswith(".conv_block.6.weight") for key in convolutions)
        generator = ResnetGenerator(channels, len(resnet[1]), base, blocks, norm, dropout=dropout)
    elif unet[0] is not None and unet[1] is not None and len(convolutions) >= 4:
        base, channels = unet[0].shape[:2]
        generator = UnetGenerator(channels, unet[1].shape[1], len(convolutions) // 2, base, norm)
    else:
        raise UserError("its keys are neither those of a ResNet nor of a U-Net generator of CycleGAN or pix2pix")
    try:
        generator.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(" ".join(str(error).split())) from None
    return generator
