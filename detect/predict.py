"""Find products on photos and in videos.

    python -m detect.predict checkpoint=outputs/detectors/a/detector.safetensors images=photos out=outputs/found

`images` is a photo, a video, a folder of them, or a dataset folder. Writes into `out`:
  detections.json   images, categories and annotations (COCO results: image_id, category_id, bbox, score); a frame of a
                    video is an image that also has its number `frame`, from 0, and its `time` in seconds
  detections/       every photo with its boxes, every video as .mp4 with its boxes, without sound
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from coldstart import cli, dataset, lineage, tracking, training
from coldstart.errors import UserError
from coldstart.progress import track
from detect import detectors, inference, onnx_model, video
from detect.drawing import draw_found, save_picture
from detect.threshold import check_score, suggested_score

__all__ = ["PredictConfig", "predict"]


@dataclass(frozen=True)
class PredictConfig:
    """See conf/detect_predict.yaml."""

    logger: tracking.LoggerConfig
    checkpoint: str
    images: str
    out: str
    score: float = 0.3
    score_from: str | None = None
    every: int = 1
    accelerator: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        training.check_precision(self.precision)
        check_score(self.score)
        if self.every < 1:
            raise UserError(f"every: {self.every} is below 1")


def predict(config: PredictConfig) -> None:
    """Detect and draw.

    Raises:
        UserError: bad input, found before anything is written, but for a video that is damaged further on.
    """
    checkpoint = onnx_model.load_either(config.checkpoint)
    photos, videos = sources(Path(config.images))
    for photo in photos:
        inference.check_picture(photo)
    for file in videos:
        next(video.frames(file))
    training.device(config.accelerator)
    score = config.score if config.score_from is None else suggested_score(config.score_from)
    out = Path(config.out)
    parents = {"checkpoint": config.checkpoint, "images": config.images}
    if config.score_from is not None:
        parents["score_from"] = str(Path(config.score_from) / "results.json")
    if lineage.claim(out, "detect.predict", cli.plain(config), parents=parents):
        print(f"{out / 'detections.json'}: already there")
        return
    found = Findings(checkpoint, score)
    base = photos_root(Path(config.images))
    with tracking.start(config.logger, "detect.predict", cli.plain(config), out) as run:
        pictures: list[Path] = []
        found_on = inference.detect(checkpoint, photos, config.accelerator, config.precision)
        for photo, detections in zip(photos, found_on, strict=True):
            with Image.open(photo) as picture:
                drawn = found.add(picture, detections, {"file_name": photo.relative_to(base).as_posix()})
            pictures.append(out / "detections" / f"{len(pictures) + 1:04d}_{photo.stem}.jpg")
            save_picture(drawn, pictures[-1])
        for number, file in enumerate(videos, start=len(photos) + 1):
            with video.VideoWriter(out / "detections" / f"{number:04d}_{file.stem}.mp4") as writer:
                for drawn, seconds in _watch(config, checkpoint, file, found):
                    writer.add(drawn, seconds)
        dataset.write_json(out / "detections.json", found.as_json())
        run.images("detections", pictures[:16])
    lineage.complete(out, detections=len(found.annotations), score=score)
    seen = f"{len(photos)} photos" + (f" and {len(found.images) - len(photos)} frames" if videos else "")
    boxes = f"{len(found.annotations)} boxes of score {score:.2f} and more"
    print(f"{out / 'detections.json'}: {boxes} on {seen}; look at {out / 'detections'}")


def sources(path: Path) -> tuple[list[Path], list[Path]]:
    """Photos and videos: `path` itself, or those in the folder, sorted by name; of a dataset folder its photos.

    Raises:
        UserError: there are none.
    """
    if path.is_file():
        return ([], [path]) if path.suffix.lower() in video.VIDEO_SUFFIXES else ([path], [])
    if not path.is_dir() or (path / "annotations.json").is_file():
        return dataset.list_photos(path), []
    videos = sorted(p for p in path.iterdir() if p.suffix.lower() in video.VIDEO_SUFFIXES and p.is_file())
    has_photos = any(p.suffix.lower() in dataset.PHOTO_SUFFIXES for p in path.iterdir())
    return dataset.list_photos(path) if has_photos or not videos else [], videos


def photos_root(path: Path) -> Path:
    """The folder that the names of photos in detections.json start from."""
    if path.is_file():
        return path.parent
    return path / "images" if (path / "annotations.json").is_file() else path


@dataclass
class Findings:
    """What was found so far, as COCO records, of detections with at least `score`."""

    checkpoint: detectors.Checkpoint
    score: float
    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.categories = dataset.categories_from(self.checkpoint.class_names)
        self.ids = {c["name"]: c["id"] for c in self.categories}

    def add(self, picture: Image.Image, found: list[inference.Detection], record: dict[str, Any]) -> Image.Image:
        """Take down a picture; returns it with its boxes."""
        number = len(self.images) + 1
        shown = [d for d in found if d.score >= self.score]
        self.images.append({"id": number, **record, "width": picture.width, "height": picture.height})
        self.annotations += inference.results(shown, number, self.ids)
        return draw_found(picture, shown, self.checkpoint.class_names)

    def as_json(self) -> dict[str, Any]:
        """The content of detections.json."""
        return {"images": self.images, "annotations": self.annotations, "categories": self.categories}


def _watch(
    config: PredictConfig, checkpoint: detectors.Checkpoint, file: Path, found: Findings
) -> Iterator[tuple[Image.Image, float]]:
    """The frames of a video with their boxes, and their times; one frame is in memory at a time."""
    total = -(-video.about_how_many(file) // config.every)
    for number, seconds, picture in track(video.frames(file, config.every), file.name, total, unit="frame"):
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
        (detections,) = inference.detect_pixels(checkpoint, [pixels], config.accelerator, config.precision)
        record = {"file_name": file.name, "frame": number, "time": seconds}
        yield found.add(picture, detections, record), seconds


if __name__ == "__main__":
    cli.run(predict, PredictConfig, "detect_predict", __doc__)
