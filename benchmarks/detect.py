"""How fast the detector trains, finds and is scored, beside plain torchvision (`plain_detector.py`) and pycocotools.

    OMP_NUM_THREADS=1 python -m benchmarks.detect
    python -m benchmarks.detect photo=[1000,1333] checkpoint=outputs/detector/detector.safetensors parts=[find]

Both sides see the same made-up pictures, JPEGs in a dataset folder, with the same network and batch. Ours trains as
`detect.train` does, in a Trainer and with its precision; plain is the loop of torchvision's references. They take
turns, so that a busy machine hinders both, and of each side its fastest turn counts; on a very busy one, `clock=cpu`
counts the seconds that this process has computed (one thread, no workers). Keys are the fields of `Speed`.
"""

import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import coco_evaluation, plain_detector
from coldstart import dataset, training
from coldstart.cli import typed
from coldstart.memory import keep_freed
from coldstart.tables import aligned
from coldstart.tracking import LoggerConfig
from detect import detectors, inference, onnx_model
from detect.detectors import Checkpoint
from detect.module import DetectorModule
from detect.train import Material, TrainConfig, prepare

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
CLASSES = ("can", "box", "jar", "cup")


@dataclass(frozen=True)
class Speed:
    """Keys of the command line."""

    parts: list[str] = field(default_factory=lambda: ["train", "memory", "find", "score"])
    size: list[int] = field(default_factory=lambda: [312, 416])  # width and height of the detector's input
    photo: list[int] = field(default_factory=lambda: [312, 416])  # of the pictures
    photos: int = 64
    batch: int = 4
    freeze: int = 2
    steps: int = 3  # of each side in each turn; a step before them does not count
    turns: int = 3
    workers: int = 0  # of our loader; plain's are torch's default, 0
    epochs: int = 5  # after each of which memory is measured
    precision: str = "auto"  # of ours
    clock: str = "wall"  # wall | cpu
    checkpoint: str | None = None  # what finds, at `size`; null: what was just trained
    found: int = 16  # photos looked at in each turn
    scored: int = 5000  # images of the COCO evaluation


def main(keys: list[str]) -> None:
    """Print the tables."""
    config = typed(Speed, OmegaConf.from_dotlist(keys))
    training.quiet()
    keep_freed()  # as our commands do; plain has it too
    print(f"{config}\n{torch.get_num_threads()} threads, ours in {training.precision(config.precision)}\n", flush=True)
    with tempfile.TemporaryDirectory() as root:
        folder = make(Path(root) / "photos", config.photos, (config.photo[0], config.photo[1]))
        ours = Ours(config, folder)
        if "train" in config.parts:
            train(config, ours, folder)
        if "memory" in config.parts:
            memory(config, ours)
        if "find" in config.parts:
            find(config, ours, folder)
    if "score" in config.parts:
        score(config)


def make(folder: Path, count: int, size: tuple[int, int]) -> Path:
    """A dataset folder of JPEGs with five coloured boxes each, before noise."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    images: list[dataset.Image] = []
    annotations: list[dataset.Annotation] = []
    for number in range(1, count + 1):
        coarse = Image.fromarray(rng.integers(60, 200, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8))
        picture = coarse.resize(size, Image.Resampling.BILINEAR)
        for _ in range(5):
            label = int(rng.integers(len(CLASSES)))
            sides = (rng.uniform(0.1, 0.3, 2) * size).round()
            x, y = (rng.uniform(0, 1, 2) * (np.array(size) - sides)).round()
            colour = [(220, 40, 40), (40, 200, 60), (50, 70, 230), (230, 220, 40)][label]
            picture.paste(colour, (int(x), int(y), int(x + sides[0]), int(y + sides[1])))
            box = [float(x), float(y), *map(float, sides)]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": label + 1,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
        picture.save(folder / "images" / f"{number}.jpg", quality=90)
        images.append({"id": number, "file_name": f"{number}.jpg", "width": size[0], "height": size[1]})
    dataset.save(dataset.Dataset(folder, images, annotations, dataset.categories_from(CLASSES)))
    return folder


class Ours:
    """`detect.train` on a folder, taken apart so that it can be timed."""

    def __init__(self, config: Speed, folder: Path) -> None:
        self.config, steps = config, max(config.steps + 1, config.epochs * config.photos // config.batch)
        self.material: Material = prepare(
            TrainConfig(
                detector={"name": "fcos_lite0", "freeze": config.freeze},
                logger=LoggerConfig(kind="none"),
                out=str(folder.parent / "out"),
                real=[str(folder)],
                size=config.size,
                batch=config.batch,
                steps=steps,
                workers=config.workers,
                leak_check=False,
            )
        )
        self.module = DetectorModule(self.material.model(), self.material.config)
        self.loader = Timed(self.material.batches(0, 0), CLOCKS[config.clock])

    def run(self, steps: int, callback: pl.Callback) -> None:
        """So many steps."""
        clip = self.material.config.gradient_clip
        trainer = training.trainer("cpu", 1, self.config.precision, steps, callbacks=[callback], gradient_clip_val=clip)
        training.fit(trainer, self.module, self.loader)

    @property
    def checkpoint(self) -> Checkpoint:
        """The detector as it is now."""
        model = self.module.model.eval()
        return Checkpoint(model, self.material.detector, self.material.names, self.material.size)


class Timed:
    """A loader that knows how long it was waited for, each batch apart."""

    def __init__(self, loader: Any, clock: Callable[[], float]) -> None:
        self.loader, self.clock = loader, clock
        self.waits: list[float] = []

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        batches, start = iter(self.loader), self.clock()
        for batch in batches:
            self.waits.append(self.clock() - start)
            yield batch
            start = self.clock()


class Watch(pl.Callback):
    """Notes the time, the seconds waited for batches and the memory in use at the end of every step."""

    def __init__(self, loader: Timed) -> None:
        self.loader = loader
        self.ends: list[tuple[float, float, float]] = []

    def on_train_batch_end(self, *_: Any) -> None:
        """One step is done."""
        self.ends.append((self.loader.clock(), sum(self.loader.waits), resident()))


def resident() -> float:
    """Megabytes of this process that lie in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def train(config: Speed, ours: Ours, folder: Path) -> None:
    """Training images per second of both sides, and of ours the share of the time that is waited for batches."""
    clock = CLOCKS[config.clock]
    model = plain_detector.detector(len(CLASSES), (config.size[0], config.size[1]), freeze=config.freeze)
    plain_detector.take_over(model, ours.module.model)
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learned, 1e-3, momentum=0.9, weight_decay=1e-4)
    plain, fast = [], []
    for _ in range(config.turns):
        ends = []
        while len(ends) <= config.steps:
            for _ in plain_detector.steps(model, optimizer, plain_detector.loader(folder, config.batch)):
                ends.append(clock())
                if len(ends) > config.steps:
                    break
        plain.append((ends[-1] - ends[0]) / config.steps)
        watch = Watch(ours.loader)
        ours.run(config.steps + 1, watch)
        took, waited = (watch.ends[-1][i] - watch.ends[0][i] for i in (0, 1))
        fast.append((took / config.steps, waited / took))
    seconds, waits = min(fast)
    table = [
        ["training", "images/s", "ratio", "waiting for the loader"],
        ["plain", f"{config.batch / min(plain):.2f}", "1.00", ""],
        ["ours", f"{config.batch / seconds:.2f}", f"{min(plain) / seconds:.2f}", f"{100 * waits:.1f} %"],
    ]
    print(f"{aligned(table)}\n", flush=True)


def memory(config: Speed, ours: Ours) -> None:
    """Megabytes in use after each epoch of one training."""
    length, watch = config.photos // config.batch, Watch(ours.loader)
    ours.run(config.epochs * length, watch)
    used = [resident for _, _, resident in watch.ends[length - 1 :: length]]
    print(f"MB in use after each of {config.epochs} epochs: {' '.join(f'{mb:.0f}' for mb in used)}\n", flush=True)


def find(config: Speed, ours: Ours, folder: Path) -> None:
    """Photos per second from file to boxes, one by one."""
    clock = CLOCKS[config.clock]
    checkpoint = detectors.load(config.checkpoint) if config.checkpoint else ours.checkpoint
    checkpoint = dataclasses.replace(checkpoint, size=(config.size[0], config.size[1]))
    model = plain_detector.detector(len(checkpoint.class_names), checkpoint.size)
    plain_detector.take_over(model, checkpoint.model)
    exported = onnx_model.from_bytes(onnx_model.to_bytes(checkpoint), "the export")
    photos = dataset.list_photos(folder)[: config.found]
    sides: dict[str, Callable[[], Any]] = {
        "plain": lambda: list(plain_detector.find(model, photos)),
        "ours": lambda: list(inference.detect(checkpoint, photos, "cpu", config.precision)),
        "ours, ONNX": lambda: list(inference.detect(exported, photos, "cpu")),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(config.turns):
        for name, look in sides.items():
            start = clock()
            look()
            times[name].append((clock() - start) / len(photos))
    fastest = {name: min(t) for name, t in times.items()}
    fastest["float32's floor"] = floor(checkpoint, clock)
    rows = [[name, f"{1 / seconds:.2f}", f"{fastest['plain'] / seconds:.2f}"] for name, seconds in fastest.items()]
    print(f"{aligned([['inference', 'images/s', 'ratio'], *rows])}\n", flush=True)


@torch.inference_mode()
def floor(checkpoint: Checkpoint, clock: Callable[[], float]) -> float:
    """Seconds that the network's multiplications take at the speed of a large float32 matrix product."""
    picture, square = torch.rand(3, checkpoint.size[1], checkpoint.size[0]), torch.rand(1024, 1024)
    with FlopCounterMode(display=False) as counted:
        checkpoint.model([picture])
    times = []
    for _ in range(30):
        start = clock()
        square @ square
        times.append(clock() - start)
    return float(counted.get_total_flops() * min(times) / (2 * len(square) ** 3))


def score(config: Speed) -> None:
    """COCO's evaluation, beside pycocotools."""
    seconds, theirs, apart = coco_evaluation.compare(coco_evaluation.make(config.scored))
    rows = [["pycocotools", f"{theirs:.1f}", "1.00"], ["ours", f"{seconds:.1f}", f"{theirs / seconds:.2f}"]]
    print(aligned([[f"COCO evaluation of {config.scored} images", "seconds", "ratio"], *rows]))
    print(f"apart by {apart:.0e} AP")


if __name__ == "__main__":
    main(sys.argv[1:])
