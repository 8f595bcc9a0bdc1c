"""A bilateral grid of affine colour transforms and a sensor, after HDRNet (Gharbi et al. 2017, arXiv 1707.02880)."""

import itertools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coldstart.errors import UserError
from gan.networks.layers import Generator, check_residual

__all__ = ["BilateralConfig", "BilateralGenerator", "Sensor", "rings"]

CELL = 32  # pixels between two vertices of the grid along each side
TOGETHER = 8  # cells whose pixels are changed at once: what that takes fits into a CPU's cache
SMALL = 4  # pixels of the picture, along each side, in one of the small copy
HINGES = 8  # of the paper's guide, a function of the colour
ROW = 16  # pixels that are filtered at once
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
OBJECTS = "objects"  # the one guide it can be told, see gan.guide
FAINT = 1 / 510  # a quarter of a grey level, in [-1, 1]: the noise to start from, below what 8 bits can hold


@dataclass(frozen=True)
class BilateralConfig:
    """`model.generator` of the config."""

    base: int = 16
    depth: int = 8
    residual: float = 0.25
    sensor: bool = True
    guide: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_residual(self.residual, "model.generator.residual")
        if self.guide not in ([], [OBJECTS]):
            raise UserError(f"model.generator.guide: bilateral takes [] or [{OBJECTS}], got {self.guide}")
        if self.base < 1 or self.depth < 2 or not self.residual:
            raise UserError(
                "model.generator: base must be at least 1, depth at least 2 and residual above 0, "
                f"got {self.base}, {self.depth} and {self.residual}"
            )


class BilateralGenerator(Generator):
    """N×3×H×W to the same, H and W multiples of 32: an affine function of each pixel's colour, then a `Sensor`.

    With the guide `objects` (see `gan.guide`), N×4×H×W.

    A small network sees the picture four times smaller and says at each vertex of a grid, every 32 pixels and for
    `depth` values of the guide, by which 3×4 matrix A the colours there are to change. Each pixel finds its own A
    between the eight vertices around it, by its place and by its value in the guide, a learned function of its colour
    alone that starts as its luma (there, sections 3.1 to 3.4): y = x + A·(x, 1), |A| below `residual`. What a pixel
    becomes so depends on no other pixel in sharp detail, and edges stay where they are. Starts at A = 0.

    Two things differ from the paper: pixels to a vertex are fixed instead of vertices to a picture, so that a crop is
    treated as the picture it is from; and the grid is a change.

    Told where the objects are, it changes them as light does: by a gain of each channel, whatever their colour, since
    what they are made of is known (von Kries 1902; a gain of light is one of the gamma-encoded value, too). What stands
    around them may be of another material in the photos. The gains are a further level of the grid, which is for every
    pixel whatever its value; the others are for pixels around objects alone.
    """

    stride = CELL

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        base: int = 16,
        *,
        depth: int = 8,
        residual: float = 0.25,
        sensor: bool = True,
        guide: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.guide = list(guide)
        self.in_channels, self.out_channels, self.residual, self.depth = in_channels, out_channels, residual, depth
        widths = [3, base, 2 * base, 4 * base]
        layers: list[nn.Module] = [nn.AvgPool2d(SMALL)]
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU(inplace=True)]
        self.local = nn.Sequential(*layers, nn.Conv2d(widths[-1], widths[-1], 2, padding=1))  # from cells to vertices
        self.overall = nn.Linear(widths[-1], widths[-1])
        self.matrices = nn.Conv2d(widths[-1], 12 * depth + 3 * len(self.guide), 1)
        nn.init.zeros_(self.matrices.weight)
        nn.init.zeros_(self.matrices.bias)  # type: ignore[arg-type]
        self.value = _luma()  # in the guide
        self.sensor = Sensor() if sensor else None

    def forward(self, x: Tensor) -> Tensor:
        """Translate `x`, in float32 whatever the autocast: bfloat16 knows fewer shades than a picture has."""
        return self.with_grid(x)[0]

    def with_grid(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The translation of `x`, and the grid, N×`depth`×3×4×(H/32 + 1)×(W/32 + 1), it was made by.

        With the guide `objects` the grid has one more level, the last.
        """
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            grid = self.grid(x[:, :3])
            if self.guide:  # a pixel on an outline is of both sides
                x = torch.cat([x[:, :3], F.avg_pool2d(x[:, 3:], 3, 1, 1, count_include_pad=False)], 1)
            y = self.slice(grid, x).clamp(-1, 1)
            if self.sensor is not None:
                y = self.sensor(y, None if self.training else [_digest(image) for image in x[:, :3]]).clamp(-1, 1)
            return y, grid

    def grid(self, x: Tensor) -> Tensor:
        """The matrices A at the vertices, `x` being colours alone."""
        local = self.local(x)
        features = F.relu(local + self.overall(local.mean((2, 3)))[..., None, None])
        bounded: Tensor = self.residual * torch.tanh(self.matrices(features))
        matrices, gains = torch.split(bounded, [12 * self.depth, 3 * len(self.guide)], 1)
        light = torch.einsum("nchw,crk->nrkhw", gains, _gain(x.device)) if self.guide else gains
        levels = [part.reshape(len(x), -1, 3, 4, *bounded.shape[2:]) for part in (matrices, light)]
        return torch.cat(levels, 1)

    def slice(self, grid: Tensor, x: Tensor) -> Tensor:
        """x + A·(x, 1), A interpolated linearly between the vertices along y, x and the guide.

        All pixels of a cell lie between the same four vertices, so that this is one product of matrices for each
        cell: 12 × 4·depth by 4·depth × 1024. On a CPU that takes half of `grid_sample`'s time.
        """
        cells = x.unfold(2, CELL, CELL).unfold(3, CELL, CELL).permute(0, 2, 3, 1, 4, 5)
        pixels = cells.reshape(-1, x.shape[1], CELL * CELL)
        corners = grid.flatten(2, 3).unfold(3, 2, 1).unfold(4, 2, 1)  # N×depth×12×rows×columns×2×2
        corners = corners.permute(0, 3, 4, 2, 5, 6, 1).reshape(len(pixels), 12, -1)
        few = zip(torch.split(corners, TOGETHER), torch.split(pixels, TOGETHER), strict=True)
        at = _corners(pixels.device)[:, None]
        changed = torch.cat([self._changed(*part, at) for part in few])
        changed = changed.view(*cells.shape[:3], 3, CELL, CELL)
        return changed.permute(0, 3, 1, 4, 2, 5).reshape(len(x), 3, *x.shape[2:])

    def _changed(self, corners: Tensor, pixels: Tensor, at: Tensor) -> Tensor:
        """`pixels`, cells×3×1024 or with the guide 4, by the matrices at the cells' `corners`, cells×12×(4·depth).

        `at`, 4×1×1024, is how near each pixel is to the corners.
        """
        pixels, objects = torch.split(pixels, [3, len(self.guide)], 1)
        levels = torch.arange(self.depth, device=pixels.device)[:, None]
        value = self.value(pixels).clamp(0, 1) * (self.depth - 1)
        near = F.relu(1 - (value - levels).abs())
        if self.guide:
            near = torch.cat([near * (1 - objects) / 2, torch.ones_like(objects)], 1)
        weights = (at * near[:, None]).flatten(1, 2)
        matrices = torch.bmm(corners, weights).view(-1, 3, 4, CELL * CELL)
        changed = pixels + matrices[:, :, 3]
        for channel in range(3):
            changed.addcmul_(matrices[:, :, channel], pixels[:, channel : channel + 1])
        return changed


class Sensor(nn.Module):
    """What lens and sensor do to N×3×H×W in [-1, 1]: blur or sharpening, then noise.

    The kernel is 5×5, sums to 1 and is the same in all directions that a square has, so that it moves nothing; it
    starts as the identity. The noise has the variance read² + shot²·light, light being the picture in [0, 1] (Foi et
    al. 2008, doi 10.1109/TIP.2008.2001399, equation 1), and is correlated over 3×3 pixels, as after demosaicing; it
    starts at a quarter of a grey level.
    """

    def __init__(self) -> None:
        super().__init__()
        self.blur = nn.Parameter(torch.zeros(5))
        self.log_read, self.log_shot = (nn.Parameter(torch.tensor(FAINT).log()) for _ in range(2))
        self.grain = nn.Parameter(torch.zeros(2))
        self.register_buffer("rings5", rings(5))
        self.register_buffer("rings3", rings(3))

    rings5: Tensor
    rings3: Tensor

    def forward(self, x: Tensor, seeds: list[int] | None = None) -> Tensor:
        """`x` as the camera gives it. `seeds` fix the noise of each picture; else it comes from torch's generator."""
        y = _filtered(x, self.kernel())
        grain = torch.cat([torch.ones(1, device=x.device), self.grain.tanh()])
        correlation = (grain[:, None, None] * self.rings3).sum(0)
        noise = _filtered(_white(x, seeds), correlation / correlation.square().sum().sqrt())
        read, shot = self.log_read.mul(2).exp(), self.log_shot.mul(2).exp()
        deviation = torch.addcmul(read + shot / 2, shot / 2, y.clamp(-1, 1)).sqrt_()
        return y.addcmul(noise, deviation)

    def kernel(self) -> Tensor:
        """5×5: the mean of a ring takes at most half of a pixel, or gives as much to it."""
        shares = 0.5 * self.blur.tanh()
        means = self.rings5 / self.rings5.sum((1, 2), keepdim=True)
        return means[0] + (shares[:, None, None] * (means[1:] - means[0])).sum(0)


def rings(side: int) -> Tensor:
    """K×`side`×`side` in {0, 1}: the places of a square that are as far from its centre, the centre first."""
    line = torch.arange(side) - side // 2
    distance = line[:, None] ** 2 + line**2
    return torch.stack([(distance == d).float() for d in torch.unique(distance)])


def _filtered(x: Tensor, kernel: Tensor) -> Tensor:
    """Each channel of `x`, whose width is a multiple of 16, through one odd `kernel`, the border continued.

    As a convolution that finds 16 neighbours of a row at once, by the kernel at 16 places: for one channel to another
    a CPU takes three times as long.
    """
    side = len(kernel)
    padded = F.pad(x, (side // 2,) * 4, "replicate")
    places = torch.stack([F.pad(kernel, (place, ROW - 1 - place)) for place in range(ROW)])
    y = F.conv2d(padded.flatten(0, 1)[:, None], places[:, None], stride=(1, ROW))
    return y.permute(0, 2, 3, 1).reshape(x.shape)


def _white(x: Tensor, seeds: list[int] | None) -> Tensor:
    """N(0, 1) of the shape of `x`."""
    if seeds is None:
        return torch.randn_like(x)
    drawn = [torch.randn(x.shape[1:], generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(drawn).to(x.device)  # from the CPU, so that every device gives the same picture


def _digest(image: Tensor) -> int:
    """A number that follows from the picture: the same render gets the same noise, another one other noise."""
    levels = ((image + 1) * 127.5).round().to(torch.uint8)
    return zlib.crc32(levels.cpu().contiguous().numpy().tobytes())


def _corners(device: torch.device) -> Tensor:
    """4×1024: how much each pixel of a cell is at its corners, upper left, upper right, lower left, lower right."""
    to = (torch.arange(CELL, device=device) + 0.5) / CELL
    ends = torch.stack([1 - to, to])
    return (ends[:, None, :, None] * ends[None, :, None, :]).reshape(4, -1)


def _gain(device: torch.device) -> Tensor:
    """3×3×4: for each channel the A that adds as much of it as there is, black being -1."""
    unit = torch.eye(3, device=device)
    return torch.cat([unit[:, :, None] * unit[:, None], unit[:, :, None]], 2)


def _luma() -> nn.Sequential:
    """N×3×P colours in [-1, 1] to N×1×P: a sum of hinges along learned directions, at first the luma in [0, 1]."""
    first, last = nn.Conv1d(3, HINGES, 1), nn.Conv1d(HINGES, 1, 1)
    with torch.no_grad():
        first.weight.copy_((torch.tensor(LUMA) / 2)[None, :, None].expand_as(first.weight))
        first.bias.copy_(0.5 - torch.arange(HINGES) / HINGES)  # type: ignore[union-attr]
        last.weight.zero_()[:, 0] = 1
        last.bias.zero_()  # type: ignore[union-attr]
    return nn.Sequential(first, nn.ReLU(inplace=True), last)
