"""A ResNet generator that is told more than colours."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gan.networks.resnet import ResnetConfig, ResnetGenerator

__all__ = ["GuidedConfig", "GuidedGenerator"]


@dataclass(frozen=True)
class GuidedConfig(ResnetConfig):
    """`model.generator` of the config; `guide` names what follows the colours, see `gan.guide`."""

    guide: list[str] = field(default_factory=lambda: ["depth", "normals", "albedo", "edges"])


class GuidedGenerator(ResnetGenerator):
    """A `ResnetGenerator` of N×`in_channels`×H×W, of which the first three are colours and the rest is the `guide`."""

    def __init__(self, in_channels: int, out_channels: int, *, guide: Sequence[str], **options: Any) -> None:
        super().__init__(in_channels, out_channels, **options)
        self.guide = list(guide)
