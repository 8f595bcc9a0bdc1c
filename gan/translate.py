"""Stage 2, translation: a whole dataset folder in the look of the photos, its labels untouched.

    python -m gan.translate checkpoint=outputs/gan/a/generator.safetensors source=outputs/renders/a out=outputs/a
    python -m gan.translate model=reinhard target=photos source=outputs/renders/a out=outputs/b    # no training

Annotations, categories, masks and scenes are the source's own; every picture keeps its size, so that every box and
mask still fits. Pictures that an interrupted call has written are kept. In the end every object is audited (see
`gan.audit`): whether it is still there, where it was, and what it was.
"""

import io
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import torch
from omegaconf import MISSING
from PIL import Image
from torch import Tensor

from coldstart import cli, dataset, lineage, tracking, training
from coldstart.errors import UserError
from coldstart.holdout import refuse_test_photos
from coldstart.progress import track
from gan.audit import AUDITS, audited
from gan.baselines import BASELINES, BaselineConfig, baseline
from gan.checkpoint import GENERATOR_FILES, load_generator
from gan.data import Pictures, from_tensor, read_picture, short_side_of, to_tensor
from gan.guide import guide_channels, read_guide
from gan.networks import Generator, apply_tiled, pad_to_stride

__all__ = ["TranslateConfig", "translate", "translate_image"]

CARRIED = ("masks", "scenes", "depth", "normals", "albedo")  # what stays true when only the look changes
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "png": ("PNG", {"compress_level": 1}),  # Pillow's own level takes six times as long to save a tenth
    "jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
}
SMALLEST = 16  # pixels; below, the generator's padding would be larger than its picture
SHOWN = 8  # pictures that go to the logger


@dataclass(frozen=True)
class TranslateConfig:
    """See conf/gan_translate.yaml."""

    checkpoint: str | None = None
    weights: str = "best"
    model: dict[str, Any] | None = None
    target: str | None = None
    source: str = MISSING
    out: str = MISSING
    seed: int = 0
    format: str = "png"
    tile: int = 0
    audit: str = "flag"
    accelerator: str = "auto"
    precision: str = "auto"
    logger: tracking.LoggerConfig = field(default_factory=tracking.LoggerConfig)

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise UserError(f"format: {self.format!r} is none of {', '.join(FORMATS)}")
        if self.tile and self.tile < SMALLEST:
            raise UserError(f"tile: must be 0 (off) or at least {SMALLEST}, got {self.tile}")
        if self.audit not in AUDITS:
            raise UserError(f"audit: {self.audit!r} is none of {', '.join(AUDITS)}")
        training.check_precision(self.precision)
        if (self.checkpoint is None) == (self.model is None):
            raise UserError(f"give either checkpoint=… (of gan.train) or model=… (one of {', '.join(BASELINES)})")
        if self.weights not in GENERATOR_FILES:
            raise UserError(f"weights: {self.weights!r} is none of {', '.join(GENERATOR_FILES)}")
        if self.weights != "best" and Path(self.checkpoint or "").name != GENERATOR_FILES["best"]:
            raise UserError(f"weights={self.weights}: needs checkpoint=…/{GENERATOR_FILES['best']} of gan.train")
        if self.target is not None and self.model is None:
            raise UserError("target: a checkpoint has learned its photos already; leave target out")
        if self.tile and self.model is not None:
            raise UserError("tile: model=… computes every picture at once; leave tile out")
        if self.seed < 0:
            raise UserError(f"seed: must not be negative, got {self.seed}")


def translate(config: TranslateConfig) -> None:
    """Translate dataset folder `config.source` into `config.out`.

    Raises:
        UserError: bad config or input, `out` holding another config's data, or no image left by audit=drop.
    """
    source, out = dataset.load(config.source), Path(config.out)
    _check_images(source)
    if not lineage.is_complete(out):
        with ThreadPoolExecutor() as pool:  # a picture that cannot be used is found before out is claimed
            list(pool.map(partial(read_picture, upright=False), map(source.path, source.images)))
    device = training.device(config.accelerator)
    opened = _closed_form(config, source) if config.model is not None else _learned(config, device)
    read_guide(source, source.images[0], opened.guide)  # a folder without guides is refused before anything is written
    if lineage.claim(out, "gan.translate", cli.plain(config), parents={**opened.parents, "source": config.source}):
        print(f"{out}: already translated")
        return

    images = [_record(image, source, out, config.format) for image in source.images]
    result = replace(source, root=out, images=images, annotations=[_unaudited(a) for a in source.annotations])
    with tracking.start(config.logger, "gan.translate", cli.plain(config), out) as run:
        _carry(source.root, out)
        write = partial(_write, source, result, opened, config.format)
        with ThreadPoolExecutor(torch.get_num_threads(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            digests = pool.map(write, range(len(result.images)))
            shown = track(digests, f"translating with {opened.name}", len(result.images), "image")
            for image, digest in zip(result.images, shown, strict=True):
                image["sha256"] = digest
        if config.audit != "off":
            result = audited(result, drop=config.audit == "drop")
        dataset.save(result)
        run.images("translated", [result.path(image) for image in result.images[:SHOWN]])
        run.summary({"images": len(result.images)})
    lineage.complete(out)
    print(f"{out}: {len(result.images)} images translated")


class _Opened(NamedTuple):
    """A translator: its name, what it does to a picture (3×H×W in [-1, 1]) and its number, what it was made from.

    Behind its colours the picture has the channels of `guide`.
    """

    name: str
    translate: Callable[[Tensor, int], Tensor]
    parents: dict[str, str]
    guide: Sequence[str] = ()


def _learned(config: TranslateConfig, device: torch.device) -> _Opened:
    # beside the best one lies the last; a public checkpoint has none beside it and is itself
    path = Path(str(config.checkpoint))
    checkpoint = str(path if config.weights == "best" else path.with_name(GENERATOR_FILES[config.weights]))
    generator, name = load_generator(Path(checkpoint))
    if (generator.in_channels - guide_channels(generator.guide), generator.out_channels) != (3, 3):
        raise UserError(
            f"{checkpoint}: makes {generator.out_channels} channels of {generator.in_channels}; "
            "give a generator that makes a picture's 3 of its 3"
        )
    precision = training.precision(config.precision, device)
    generator.to(device).to(memory_format=torch.channels_last)  # what convolutions are fastest in

    # A GPU is busy with one picture, and has memory for one; of a CPU's cores each has a picture of its own.
    turn = nullcontext() if device.type == "cpu" else Lock()

    def translate(image: Tensor, number: int) -> Tensor:
        with turn, training.autocast(precision, device):
            return translate_image(generator, image[None].to(device), config.tile)[0]

    return _Opened(name, translate, {"checkpoint": checkpoint}, generator.guide)


def _closed_form(config: TranslateConfig, source: dataset.Dataset) -> _Opened:
    name = str((config.model or {}).get("name"))
    if name not in BASELINES:
        raise UserError(f"model: {name!r} must be trained first (gan.train); without training: {', '.join(BASELINES)}")
    settings = cli.typed(BaselineConfig, config.model, "model")
    if name == "none":
        return _Opened(name, lambda image, number: image, {})
    if config.target is None:
        raise UserError(f"target has no value; model={name} takes its colours from photos: give target=…")
    refuse_test_photos(config.target, config.out)
    photos = dataset.list_photos(config.target)
    read = Pictures(photos, description="reading target photos", upright=True, short_side=short_side_of(source))
    return _Opened(name, baseline(settings, read, config.seed), {"target": config.target})


def _write(source: dataset.Dataset, result: dataset.Dataset, opened: _Opened, suffix: str, number: int) -> str:
    """Write the translation of image `number` of `source` unless it is there; its hash.

    A picture a thread: none waits for reading and writing, nor, on a CPU, for another.
    """
    old, file = source.images[number], result.path(result.images[number])
    if not file.is_file():
        pixels = to_tensor(np.asarray(read_picture(source.path(old), upright=False)))
        known = torch.from_numpy(read_guide(source, old, opened.guide)).permute(2, 0, 1)
        translated = opened.translate(torch.cat([pixels, known]), number)
        dataset.write_atomic(file, _encoded(translated, suffix))
    return dataset.sha256(file)


@torch.inference_mode()
def translate_image(generator: Generator, image: Tensor, tile: int = 0) -> Tensor:
    """N×3×H×W in [-1, 1] to the same size, whatever it is: padded by reflection to the generator's stride and cut back.

    With `tile` above 0 the generator works in windows of that many pixels a side, which gives the same picture.
    """
    height, width = image.shape[-2:]
    padded = pad_to_stride(image, generator.stride)
    translated: Tensor = apply_tiled(generator, padded, tile) if tile else generator(padded)
    return translated[..., :height, :width].float()


def _check_images(source: dataset.Dataset) -> None:
    names = Counter(str(Path(image["file_name"]).with_suffix("")) for image in source.images)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise UserError(f"{source.root}: two images are called {twice[0]!r} but for their suffix; rename one of them")
    for image in source.images:
        if min(image["width"], image["height"]) < SMALLEST:
            raise UserError(
                f"{source.path(image)}: is {image['width']}×{image['height']}; "
                f"pictures must have at least {SMALLEST} pixels a side"
            )


def _record(image: dataset.Image, source: dataset.Dataset, out: Path, suffix: str) -> dataset.Image:
    """The record of the translation of `image`; its hash, and what an audit says of it, follow when it is written."""
    origin = os.path.relpath(source.path(image).resolve(), out.resolve())
    name = Path(image["file_name"]).with_suffix(f".{suffix}").as_posix()
    record: dataset.Image = {**image, "file_name": name, "source": Path(origin).as_posix()}
    record.pop("audit", None)
    return record


def _unaudited(annotation: dataset.Annotation) -> dataset.Annotation:
    """Without what an audit said of another picture."""
    copy = annotation.copy()
    copy.pop("audit", None)
    return copy


def _carry(source: Path, out: Path) -> None:
    """Masks, scenes and the like: hard links where the file system has them, else copies."""
    for file in (path for folder in CARRIED for path in sorted((source / folder).rglob("*")) if path.is_file()):
        destination = out / file.relative_to(source)
        if destination.exists():
            continue
        destination.parent.mkdir(parents=True, exist_ok=True)
        try:
            destination.hardlink_to(file)
        except OSError:
            dataset.write_atomic(destination, file.read_bytes())


def _encoded(image: Tensor, suffix: str) -> bytes:
    buffer = io.BytesIO()
    kind, options = FORMATS[suffix]
    Image.fromarray(from_tensor(image)).save(buffer, kind, **options)
    return buffer.getvalue()


if __name__ == "__main__":
    cli.run(translate, TranslateConfig, "gan_translate", __doc__)
