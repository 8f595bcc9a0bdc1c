"""Renders that a training does not see, and how good a generator is on them."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from coldstart import groups
from coldstart.backbone import imagenet_weights
from coldstart.errors import UserError
from coldstart.pictures import spread
from gan.audit import ImageAudit, Limits, audit_pictures, retained_share
from gan.data import Pictures, Renders, from_tensor, to_pair, to_tensor
from gan.metrics.distances import FEWEST, DomainDistance, Estimate
from gan.metrics.patches import PatchDistance
from gan.networks import Generator
from gan.networks.stylegan2 import StyleGAN2Generator, sample
from gan.translate import translate_image

__all__ = ["HeldOut", "Samples", "Scores", "divide"]

SHARE = 5  # at most one render in so many is held out, so that a training on few loses little
PHOTOS = 256  # at most so many of the target's photos are compared with


def divide(
    source: Renders, target: Pictures, *, wanted: int, seed: int, aligned: bool
) -> tuple[tuple[Renders, Pictures], tuple[Renders, Pictures] | None]:
    """What is trained on, and what is held out: `wanted` renders drawn by `seed`, at most a fifth of `source`.

    Looks of one scene go to one side, and with `aligned` so does a pair; other photos are on both, since it is the
    training photos that translations are measured by. Fewer than FEWEST renders are not held out, which is said.
    """
    number = min(wanted, len(source) // SHARE)
    scenes, held = _scenes(source), list[int]()
    for k in np.random.default_rng([seed, 5]).choice(len(scenes), min(number, len(scenes)), replace=False):
        held += scenes[k] if len(held) + len(scenes[k]) <= number else []
    if len(held) < FEWEST:
        if wanted:
            few = f"of {len(source)} renders fewer than {FEWEST} would be held out, scenes as a whole"
            print(f"not measured while training: {few}")
        return (source, target), None
    held.sort()
    rest = sorted(set(range(len(source))) - set(held))
    if aligned:
        return (source.part(rest), target.part(rest)), (source.part(held), target.part(held))
    return (source.part(rest), target), (source.part(held), target)


def _scenes(source: Renders) -> list[list[int]]:
    """The numbers of the renders, those of one scene together."""
    links: dict[Hashable, list[int]] = defaultdict(list)
    for number, image in enumerate(source.folder.images):
        for key in groups.scene_keys(source.folder, image):
            links[key].append(number)
    return groups.connected(range(len(source)), links.values())


class Scores(NamedTuple):
    """Distances to the photos, and the share of objects that are retained; None where it cannot be measured."""

    swd: Estimate
    kid: Estimate | None
    retained: float | None


class HeldOut:
    """Scores generators on `renders`, whole pictures as `gan.translate` makes them, against `photos`.

    What a generator draws, such as a sensor's noise, is the same each time, and torch's global generator goes on
    afterwards as if nothing had been drawn. `photos` must be brought to the renders' scale.
    """

    def __init__(self, renders: Renders, photos: Pictures, device: torch.device) -> None:
        self.renders, self.device = renders, device
        shown = [to_tensor(photos[i]) for i in spread(range(len(photos)), PHOTOS)]
        self.patches, self.kid = PatchDistance(shown), _kid(shown, device)

    @torch.no_grad()
    def __call__(self, generator: Generator, context: Callable[[], AbstractContextManager[object]]) -> Scores:
        """The scores of `generator`, in evaluation mode on the device, computed within `context`."""
        with torch.random.fork_rng(), context():
            torch.manual_seed(0)
            made = [from_tensor(self._translate(generator, index)) for index in range(len(self.renders))]
        pictures = [to_tensor(pixels) for pixels in made]
        kid = None if self.kid is None else self.kid(picture[None] for picture in pictures)
        return Scores(self.patches(pictures), kid, self._retained(made))

    def _translate(self, generator: Generator, index: int) -> Tensor:
        render = self.renders[index]
        pair = to_pair(render, render[..., :3])
        return translate_image(generator, pair.told[None].to(self.device))[0]

    def _retained(self, made: Sequence[NDArray[np.uint8]]) -> float | None:
        folder = self.renders.folder
        numbers = {image["id"]: number for number, image in enumerate(folder.images)}

        def pictures(audit: ImageAudit) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            number = numbers[audit.image["id"]]
            pair = self.renders[number][..., :3], made[number]
            return pair[0].astype(np.float32) / 255, pair[1].astype(np.float32) / 255

        audits = audit_pictures(folder, self.renders.paths, pictures, Limits(), quiet=True)
        return retained_share(o for audit in audits for o in audit.objects)


class Samples:
    """Scores generators that make pictures from chance: as many samples as there are `photos` (each 3×H×W).

    The samples are the same each time, but for what the generator has learnt; they hold no objects to retain. For
    `kid` both are enlarged to a shorter side of 224 pixels: at 64, the features know next to nothing of a picture (a
    plain colour is as near to photos as these blurred to half their resolution).
    """

    SIDE = 224  # pixels, what the features were trained on

    def __init__(self, photos: Sequence[Tensor], device: torch.device) -> None:
        self.count = len(photos)
        self.patches = PatchDistance(photos)
        self.kid = _kid([self._enlarged(photo) for photo in photos], device)

    @torch.no_grad()
    def __call__(self, generator: StyleGAN2Generator, context: Callable[[], AbstractContextManager[object]]) -> Scores:
        """The scores of `generator`, in evaluation mode on the device, computed within `context`."""
        with context():
            made = [to_tensor(from_tensor(sample(generator, 0, index))) for index in range(self.count)]
        kid = None if self.kid is None else self.kid(self._enlarged(picture)[None] for picture in made)
        return Scores(self.patches(made), kid, None)

    def _enlarged(self, picture: Tensor) -> Tensor:
        scale = max(1.0, self.SIDE / min(picture.shape[1:]))
        return F.interpolate(picture[None], scale_factor=scale, mode="bilinear", antialias=True)[0]


def _kid(photos: Sequence[Tensor], device: torch.device) -> DomainDistance | None:
    """`kid_lite0` to `photos`, each 3×H×W in [-1, 1], or None, said once, where it cannot be measured."""
    if len(photos) < FEWEST:
        print(f"kid_lite0 is not measured: the target has {len(photos)} photos, fewer than {FEWEST}")
        return None
    try:
        imagenet_weights()
    except UserError as error:
        print(f"kid_lite0 is not measured: {error}")
        return None
    return DomainDistance((photo[None] for photo in photos), device=device)
