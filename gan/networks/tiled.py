"""A generator over a picture that is too large to go through it at once, without seams.

Cutting the picture into tiles and translating each gives seams, since instance norm takes its statistics from a tile
alone and convolutions pad at its edge. Here the whole network is a function of windows instead: a window of a layer's
output asks the layer before for the window that it needs, the border of the picture is padded where the network pads
it, and each instance norm first goes once over the whole picture, tile by tile, for its mean and variance. The result
differs from that of the whole picture by rounding alone.

Maps at a quarter of the picture's resolution or below are kept, as everything deeper would ask for them over and over;
the wide ones at full and half resolution, which are what fills the memory, only ever exist one window at a time.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coldstart.errors import UserError
from gan.networks.layers import Generator, reflected
from gan.networks.resnet import ResnetBlock, ResnetGenerator
from gan.networks.unet import UnetBlock, UnetGenerator

__all__ = ["apply_tiled"]

Span = tuple[int, int]  # [from, to) along one axis
POINTWISE = (nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Dropout, nn.BatchNorm2d)
KEPT = 4  # maps this many times smaller than the picture, along each side, are kept


@torch.inference_mode()
def apply_tiled(generator: Generator, x: Tensor, tile: int) -> Tensor:
    """What `generator`, in evaluation mode, makes of `x` (N×C×H×W, H and W multiples of its stride).

    `tile` is the side, in pixels, of the windows that are computed at once.

    Raises:
        UserError: the generator is none that works in windows.
    """
    if not isinstance(generator, ResnetGenerator | UnetGenerator):
        raise UserError(f"tile: a {type(generator).__name__} is not applied in tiles; give tile=0")
    tiles = Tiles(tile, x.shape[-1])
    return generator.finish(x, tiles.whole(tiles.through(generator.model, Kept(x))))


class Map(ABC):
    """Something N×C×`size` that can be asked for any window of itself."""

    size: tuple[int, int]

    @abstractmethod
    def read(self, rows: Span, columns: Span) -> Tensor:
        """The window, as a tensor of its own, which may be written to."""


class Kept(Map):
    """A map in memory."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.size = (tensor.shape[-2], tensor.shape[-1])

    def read(self, rows: Span, columns: Span) -> Tensor:
        return self.tensor[..., slice(*rows), slice(*columns)].clone()


class Pointwise(Map):
    """A map made pixel by pixel from others of its size."""

    def __init__(self, function: Callable[..., Tensor], *parents: Map) -> None:
        self.function, self.parents, self.size = function, parents, parents[0].size

    def read(self, rows: Span, columns: Span) -> Tensor:
        return self.function(*(parent.read(rows, columns) for parent in self.parents))


class Reflected(Map):
    """`nn.ReflectionPad2d` of another map, by the same width on each side."""

    def __init__(self, layer: nn.ReflectionPad2d, parent: Map) -> None:
        self.width, self.parent = layer.padding[0], parent
        self.size = (parent.size[0] + 2 * self.width, parent.size[1] + 2 * self.width)

    def read(self, rows: Span, columns: Span) -> Tensor:
        y, x = (
            reflected(torch.arange(*span) - self.width, size)
            for span, size in zip((rows, columns), self.parent.size, strict=True)
        )
        window = self.parent.read((int(y.min()), int(y.max()) + 1), (int(x.min()), int(x.max()) + 1))
        return window[..., (y - y.min()).to(window.device)[:, None], (x - x.min()).to(window.device)]


class Convolved(Map):
    """`nn.Conv2d` of another map."""

    def __init__(self, layer: nn.Conv2d, parent: Map) -> None:
        self.layer, self.parent = layer, parent
        self.kernel, self.stride, self.padding = layer.kernel_size[0], layer.stride[0], int(layer.padding[0])
        height, width = ((n + 2 * self.padding - self.kernel) // self.stride + 1 for n in parent.size)
        self.size = (height, width)

    def read(self, rows: Span, columns: Span) -> Tensor:
        window = _padded(self.parent, self._wanted(rows), self._wanted(columns))
        return F.conv2d(window, self.layer.weight, self.layer.bias, self.stride)

    def _wanted(self, span: Span) -> Span:
        first, last = (o * self.stride - self.padding for o in (span[0], span[1] - 1))
        return first, last + self.kernel


class Transposed(Map):
    """`nn.ConvTranspose2d` of another map, of twice its size."""

    def __init__(self, layer: nn.ConvTranspose2d, parent: Map) -> None:
        self.layer, self.parent = layer, parent
        self.kernel, self.padding = layer.kernel_size[0], int(layer.padding[0])
        self.size = (2 * parent.size[0], 2 * parent.size[1])

    def read(self, rows: Span, columns: Span) -> Tensor:
        wanted = self._wanted(rows), self._wanted(columns)
        y = F.conv_transpose2d(_padded(self.parent, *wanted), self.layer.weight, self.layer.bias, 2)
        for axis, (a, b), (first, _) in zip((-2, -1), (rows, columns), wanted, strict=True):
            y = y.narrow(axis, a + self.padding - 2 * first, b - a)
        return y

    def _wanted(self, span: Span) -> Span:
        # Pixel o takes from the pixels i of the map before with 0 ≤ o + padding − 2i < kernel.
        first, last = span[0] + self.padding, span[1] - 1 + self.padding
        return (first - self.kernel) // 2 + 1, last // 2 + 1


class Doubled(Map):
    """`nn.Upsample` of another map, to the nearest neighbour and twice its size."""

    def __init__(self, parent: Map) -> None:
        self.parent = parent
        self.size = (2 * parent.size[0], 2 * parent.size[1])

    def read(self, rows: Span, columns: Span) -> Tensor:
        y = self.parent.read(*((a // 2, (b + 1) // 2) for a, b in (rows, columns)))
        for axis, (a, b) in zip((-2, -1), (rows, columns), strict=True):
            y = y.repeat_interleave(2, axis).narrow(axis, a % 2, b - a)
        return y


class Tiles:
    """The maps that a network makes of a picture of some `width`, computed in windows of `side` pixels."""

    def __init__(self, side: int, width: int) -> None:
        self.side, self.width = side, width

    def through(self, module: nn.Module, x: Map) -> Map:
        """The map that `module` makes of `x`."""
        if isinstance(module, nn.Sequential):
            for layer in module:
                x = self.through(layer, x)
            return x
        if isinstance(module, ResnetBlock):
            return self._kept(Pointwise(torch.add, x, self.through(module.conv_block, x)))
        if isinstance(module, UnetBlock):
            return Pointwise(lambda *maps: torch.cat(maps, 1), x, self.through(module.model, x))
        if isinstance(module, nn.ReflectionPad2d):
            return Reflected(module, x)
        if isinstance(module, nn.Conv2d):
            return self._kept(Convolved(module, x))
        if isinstance(module, nn.ConvTranspose2d):
            return self._kept(Transposed(module, x))
        if isinstance(module, nn.Upsample):
            return Doubled(x)
        if isinstance(module, nn.InstanceNorm2d):
            mean, scale = self._statistics(x, module.eps)
            return Pointwise(lambda window: (window - mean) * scale, x)
        assert isinstance(module, POINTWISE), module
        return Pointwise(module, x)

    def whole(self, x: Map) -> Tensor:
        """All of `x`, in memory."""
        result: Tensor | None = None
        for rows, columns in self._windows(x):
            window = x.read(rows, columns)
            if result is None:
                result = window.new_empty(*window.shape[:2], *x.size)
            result[..., slice(*rows), slice(*columns)] = window
        assert result is not None
        return result

    def _kept(self, x: Map) -> Map:
        return Kept(self.whole(x)) if x.size[1] * KEPT <= self.width else x

    def _statistics(self, x: Map, eps: float) -> tuple[Tensor, Tensor]:
        """Mean, and 1 over the standard deviation, of each channel of each picture, N×C×1×1."""
        total = squares = torch.zeros(())
        for window in self._windows(x):
            values = x.read(*window).double()
            total = total + values.sum((-2, -1), keepdim=True)
            squares = squares + values.square().sum((-2, -1), keepdim=True)
        mean = total / (x.size[0] * x.size[1])
        variance = (squares / (x.size[0] * x.size[1]) - mean.square()).clamp(min=0)
        return mean.float(), (variance + eps).rsqrt().float()

    def _windows(self, x: Map) -> Iterator[tuple[Span, Span]]:
        side = max(1, self.side * x.size[1] // self.width)
        for top in range(0, x.size[0], side):
            for left in range(0, x.size[1], side):
                yield (top, min(top + side, x.size[0])), (left, min(left + side, x.size[1]))


def _padded(x: Map, rows: Span, columns: Span) -> Tensor:
    """A window of `x` that may reach beyond its borders, where it is 0."""
    height, width = x.size
    top, bottom, left, right = max(rows[0], 0), min(rows[1], height), max(columns[0], 0), min(columns[1], width)
    window = x.read((top, bottom), (left, right))
    return F.pad(window, (left - columns[0], columns[1] - right, top - rows[0], rows[1] - bottom))
