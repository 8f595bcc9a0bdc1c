"""What cheaper renders cost a detector: the same scenes with few and many samples, a detector from each, one test.

    python -m benchmarks.settings_detector out=outputs/settings_detector photos=../shared/data/fridge_a

The renders of one sample count differ from another's in nothing else, and the detectors of one seed see the same
batches. All are scored on fine renders of other scenes, and on labelled photos where `photos=` names a folder. Call it
again after a stop: what is done is not redone. Keys are the fields of `Comparison`.

Differences are to the largest sample count, seed by seed; their 95 % intervals are over images and seeds, both drawn
anew with replacement (Efron & Tibshirani 1993). Few seeds make them look a little narrower than they are.
"""

import json
import math
import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from omegaconf import OmegaConf

from benchmarks.commands import run
from coldstart import dataset
from coldstart.cli import plain, typed
from detect import scoring
from detect.boxes import Floats, Ints
from detect.matching import Matches
from detect.precision import resamplings


@dataclass(frozen=True)
class Comparison:
    """Keys of the command line."""

    out: str = "outputs/settings_detector"
    photos: str | None = None  # folder of labelled photos of the place
    scene: str = "fridge_a"
    look: str = "fridge_a"
    size: list[int] = field(default_factory=lambda: [240, 320])  # of renders and of the detector's input
    samples: list[int] = field(default_factory=lambda: [1, 2, 4, 16])
    count: int = 160  # renders to train on, of each sample count
    fine: int = 60  # renders to score on
    fine_samples: int = 32
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])  # of the detectors of each sample count
    steps: int = 150
    batch: int = 8
    draws: int = 1000  # of images and seeds


def main(keys: list[str]) -> None:
    """Render, train, score, print the tables."""
    config = typed(Comparison, OmegaConf.from_dotlist(keys))
    out = Path(config.out)
    costs = {n: render(config, out / "renders" / str(n), samples=n, count=config.count) for n in config.samples}
    render(config, out / "fine", samples=config.fine_samples, count=config.fine, seed=1000)
    tests = {"fine renders": out / "fine", **({"photos": Path(config.photos)} if config.photos else {})}
    for seed in config.seeds:
        for n in config.samples:
            made = out / "detectors" / f"{n}_{seed}"
            learn = {"mix": "synthetic", "steps": config.steps, "batch": config.batch, "size": config.size}
            run("detect.train", made, synthetic=f"[{out / 'renders' / str(n)}]", seed=seed, **learn)
            for name, data in tests.items():
                run("detect.evaluate", scores(out, name, n, seed), checkpoint=made / "detector.safetensors", data=data)
    print(f"\n{json.dumps(plain(config))}")
    for name, folder in tests.items():
        images = len(dataset.load(folder).images)
        weights = np.concatenate([np.ones((1, images), dtype=np.int64), resamplings(images, config.draws)])
        found = {
            n: np.stack([averages(scores(out, name, n, seed), weights) for seed in config.seeds])
            for n in config.samples
        }
        print(f"\n{name}: {images} images, detectors of seeds {', '.join(map(str, config.seeds))}\n")
        print(table(found, costs))


def scores(out: Path, name: str, samples: int, seed: int) -> Path:
    """Where a detector's scores on a test are kept."""
    return out / "scores" / f"{samples}_{seed}_{name.split(maxsplit=1)[0]}"


def render(config: Comparison, folder: Path, *, samples: int, count: int, seed: int = 0) -> float:
    """Fill `folder`; CPU seconds per image, start included, of the last call that rendered any, nan if none did."""
    before, cpu = len(list(folder.glob("scenes/*.json"))), cpu_seconds()
    keys = {"scene": config.scene, "look": config.look, "size": config.size, "workers": 1, "seed": seed}
    run("blender_scenes.render", folder, samples=samples, count=count, **keys)
    cost = folder.with_suffix(".cpu")
    if count > before:
        cost.write_text(f"{(cpu_seconds() - cpu) / (count - before):.3f}\n")
    return float(cost.read_text()) if cost.exists() else math.nan


def cpu_seconds() -> float:
    """Of all finished child processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def averages(scored: Path, weights: Ints) -> Floats:
    """AP and AP50, D×2, of a folder of detect.evaluate, its images counted as often as `weights` (D×images) says."""
    means, _ = scoring.averages(Matches.load(scored / "matches.npz"), weights)
    return np.stack([means["AP"], means["AP50"]], axis=1)


def table(found: Mapping[int, Floats], costs: Mapping[int, float]) -> str:
    """Lines of text. `found`: seeds×(1 + draws)×2 AP and AP50 of each sample count; the first is on all images."""
    finest = found[max(found)]
    seeds, draws = len(finest), finest.shape[1] - 1
    each = f"{'of each seed':<{max(12, 6 * seeds - 1)}}"
    lines = [f"{'samples':>7} {'CPU s/image':>12} {'AP':>6}  {each}  {'AP50':>6} {'AP, difference':>15}  95 %"]
    rng = np.random.default_rng(0)
    drawn = rng.integers(seeds, size=(seeds, draws))
    for n, scores in found.items():
        ap = scores[:, 0, 0]
        apiece = " ".join(f"{value:.3f}" for value in ap)
        line = f"{n:7} {costs[n]:12.2f} {ap.mean():6.3f}  {apiece:<{len(each)}}  {scores[:, 0, 1].mean():6.3f}"
        if scores is not finest:
            apart = scores[:, :, 0] - finest[:, :, 0]
            resampled = np.take_along_axis(apart[:, 1:], drawn, axis=0).mean(axis=0)
            low, high = np.percentile(resampled, [2.5, 97.5])
            line += f" {apart[:, 0].mean():+15.3f}  {low:+.3f} to {high:+.3f}"
        lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
