"""Render labelled scenes into a dataset folder.

  blender -b -P blender_scenes/render.py -- scene=fridge_a count=100 seed=1 out=outputs/renders/a
  python -m blender_scenes.render scene=fridge_a count=100 seed=1 workers=2 out=outputs/renders/a

The first form runs in an installed Blender, the second through the bpy wheel, in recycled worker processes. The same
command goes on where it was interrupted; a larger count extends the folder.
"""

import sys
from pathlib import Path

if "bpy" in sys.modules and __name__ == "__main__":
    # Started by Blender: it knows neither this checkout nor its packages, and argv holds Blender's own options.
    _root = Path(__file__).resolve().parent.parent
    _packages = _root / ".venv" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    sys.path.insert(0, str(_root))
    sys.path.append(str(_packages))
    sys.argv = [__file__, *(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else [])]

import importlib.util
import itertools
import json
import os
import re
import signal
from collections import defaultdict
from collections.abc import Iterator
from functools import partial

from blender_scenes import workers
from blender_scenes.config import RenderConfig
from blender_scenes.spec import record_name
from blender_scenes.workers import Outcome
from coldstart import cli, lineage, tracking
from coldstart.dataset import Annotation, Dataset, Image, categories_from, save
from coldstart.errors import UserError
from coldstart.progress import Progress

__all__ = ["render"]


def render(config: RenderConfig) -> None:
    """Fill `config.out` up to `config.count` scenes, or render one share of them (`shard` of `shards`).

    Raises:
        UserError: no Blender here, `out` cannot be written or holds another config's data, or scenes failed; all others
            are rendered first.
    """
    _check_blender(config)
    out = Path(config.out)
    done = _rendered(out, config.looks)
    if max(done, default=0) >= config.count:
        raise UserError(
            f"{out}: holds scene {max(done)} already; give count={max(done) + 1} or more, or choose another out="
        )
    settings = cli.plain(config)
    if lineage.claim(out, "render", settings, lineage.named_files(settings), extends=["count"]):
        print(f"{out}: already complete, {config.count} scenes")
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # a launcher's own handler stays
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    share = range(config.shard, config.count, config.shards)
    todo = [i for i in share if i not in done]
    failures: dict[str, list[int]] = defaultdict(list)
    with tracking.start(config.logger, "render", settings, out) as run:
        progress = Progress(len(share), "render", unit="image", initial=len(share) - len(todo))
        unplaced = failed = 0
        try:
            for outcome in _render_all(config, todo):
                unplaced += outcome.result or 0
                if outcome.failure:
                    failed += 1
                    failures[outcome.failure].append(outcome.index)
                counts = {"failed": failed, "products found no room": unplaced}
                progress.update(note=", ".join(f"{n} {what}" for what, n in counts.items() if n))
            progress.close()
            if failures:
                raise UserError(_report(failures, len(share)))
        except UserError:
            if config.shards == 1:
                lineage.withdraw(out)  # an unreadable mesh fails every scene; with its YAML mended the folder is free
            raise
        missing = config.count - len(_rendered(out, config.looks))
        if missing:
            print(f"{out}: share {config.shard} of {config.shards} is done; {missing} scenes of the others are to come")
            return
        dataset = _assemble(config)
        run.summary({"images": len(dataset.images), "boxes": len(dataset.annotations), "unplaced": unplaced})
        run.images("renders", [dataset.path(i) for i in dataset.images[:8]])
    lineage.complete(out)
    print(f"{out}: {len(dataset.images)} images, {len(dataset.annotations)} objects")


def _check_blender(config: RenderConfig) -> None:
    inside = "bpy" in sys.modules
    if not inside and importlib.util.find_spec("bpy") is None:
        raise UserError(
            f"{sys.executable} has no bpy; pip install 'coldstart-vision[render]' (Python 3.11), "
            "or start with blender -b -P blender_scenes/render.py -- …"
        )
    if inside and config.workers != 1:
        raise UserError("workers: one Blender renders alone; use python -m blender_scenes.render for workers above 1")


def _rendered(out: Path, looks: int) -> set[int]:
    """The scenes that are done: those with a record of their last look, which is written last."""
    ending = f"_{looks - 1}" if looks > 1 else ""
    names = (p.stem for p in out.glob("scenes/[0-9]*.json"))
    return {int(n.removesuffix(ending)) for n in names if n.endswith(ending) and n.removesuffix(ending).isdigit()}


def _render_all(config: RenderConfig, todo: list[int]) -> Iterator[Outcome[int]]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if "bpy" in sys.modules:
        from blender_scenes.renderer import Renderer

        renderer = Renderer(config, config.threads or cores)
        if not renderer.builder.denoised:
            print("warning: this Blender has no denoiser; four times the samples are used instead", file=sys.stderr)
        yield from (Outcome(index, renderer.render(index)) for index in todo)
    elif isinstance(config.workers, str):
        from blender_scenes import cluster

        threads = config.threads or 1
        start = partial(workers.renderer, config, threads)
        yield from cluster.run(start, todo, cpus=threads, retries=config.retries, timeout=config.scene_timeout)
    else:
        count = min(config.workers, max(len(todo), 1))
        start = partial(workers.renderer, config, config.threads or max(1, cores // count))
        yield from workers.run(start, todo, workers=count, retries=config.retries, timeout=config.scene_timeout)


def _report(failures: dict[str, list[int]], total: int) -> str:
    """One line: which scenes failed, by reason."""
    reasons = "; ".join(f"{', '.join(map(str, sorted(found)))} ({why})" for why, found in failures.items())
    count = sum(len(found) for found in failures.values())
    return f"{count} of {total} scenes failed, the same command tries them again and keeps the others: scene {reasons}"


def _assemble(config: RenderConfig) -> Dataset:
    """annotations.json from the records of all scenes, ids in order; what killed writers left behind is removed."""
    out = Path(config.out)
    for stray in out.glob("*/.*"):
        if re.fullmatch(r"\.\d{6,}\..+\.\w{8}", stray.name):  # coldstart.dataset.write_atomic's name for it
            stray.unlink(missing_ok=True)
    images: list[Image] = []
    annotations: list[Annotation] = []
    for index, look in itertools.product(range(config.count), range(config.looks)):
        record = json.loads((out / "scenes" / f"{record_name(index, look)}.json").read_text(encoding="utf-8"))
        image: Image = {"id": len(images) + 1} | record["image"]
        images.append(image)
        for found in record["annotations"]:
            annotation: Annotation = {"id": len(annotations) + 1, "image_id": image["id"]} | found
            annotations.append(annotation)
    info = {"description": f"Coldstart renders of {config.scene.name}", "seed": config.seed}
    dataset = Dataset(out, images, annotations, categories_from(config.class_names), info)
    save(dataset)
    return dataset


if __name__ == "__main__":
    cli.run(render, RenderConfig, "render", __doc__)
