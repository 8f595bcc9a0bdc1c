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
import json
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from blender_scenes.config import RenderConfig
from coldstart import cli, lineage, tracking
from coldstart.dataset import Annotation, Dataset, Image, categories_from, save
from coldstart.errors import UserError
from coldstart.progress import Progress

if TYPE_CHECKING:
    from blender_scenes.renderer import Renderer  # needs Blender, which the parent of worker processes does without

__all__ = ["render"]

SCENES_PER_WORKER = 100  # then a fresh process takes over, whatever Blender has kept in memory


def render(config: RenderConfig) -> None:
    """Fill `config.out` up to `config.count` scenes.

    Raises:
        UserError: no Blender here, or `out` holds another config's data.
    """
    out = Path(config.out)
    inside = "bpy" in sys.modules
    if not inside and importlib.util.find_spec("bpy") is None:
        raise UserError(
            f"{sys.executable} has no bpy; pip install 'coldstart-vision[render]' (Python 3.11), "
            "or start with blender -b -P blender_scenes/render.py -- …"
        )
    if inside and config.workers > 1:
        raise UserError("workers: one Blender renders alone; use python -m blender_scenes.render for workers above 1")
    if lineage.claim(out, "render", cli.plain(config), extends=["count"]):
        print(f"{out}: already complete, {config.count} scenes")
        return
    todo = [i for i in range(config.count) if not (out / "scenes" / f"{i:06d}.json").is_file()]
    with tracking.start(config.logger, "render", cli.plain(config), out) as run:
        progress = Progress(config.count, "render", unit="image", initial=config.count - len(todo))
        unplaced = 0
        for left_out in _render_all(config, todo):
            unplaced += left_out
            progress.update(note=f"{unplaced} products found no room" if unplaced else "")
        progress.close()
        dataset = _assemble(config)
        run.summary({"images": len(dataset.images), "boxes": len(dataset.annotations), "unplaced": unplaced})
        run.images("renders", [dataset.path(i) for i in dataset.images[:8]])
    lineage.complete(out)
    print(f"{out}: {len(dataset.images)} images, {len(dataset.annotations)} objects")


def _render_all(config: RenderConfig, todo: list[int]) -> Iterator[int]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = min(config.workers, len(todo))
    if workers <= 1:
        from blender_scenes.renderer import Renderer

        renderer = Renderer(config, cores)
        if not renderer.builder.denoised:
            print("warning: this Blender has no denoiser; four times the samples are used instead", file=sys.stderr)
        for index in todo:
            yield renderer.render(index)
        return
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(config, max(1, cores // workers)),
        max_tasks_per_child=SCENES_PER_WORKER,
    )
    try:
        for done in as_completed([pool.submit(_work, index) for index in todo]):
            yield done.result()
    except BrokenProcessPool:
        raise UserError(
            f"a render process died, perhaps for want of memory; what is rendered is kept: "
            f"the same command goes on, with fewer workers= than {workers} if it dies again"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_renderer: "Renderer | None" = None  # one per worker process


def _start_worker(config: RenderConfig, threads: int) -> None:
    global _renderer  # noqa: PLW0603
    from blender_scenes.renderer import Renderer

    _renderer = Renderer(config, threads)


def _work(index: int) -> int:
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        os._exit(1)  # killed before it could stop us; what is queued is nobody's any more
    assert _renderer is not None
    return _renderer.render(index)


def _assemble(config: RenderConfig) -> Dataset:
    """annotations.json from the records of all scenes, ids in order."""
    images: list[Image] = []
    annotations: list[Annotation] = []
    for index in range(config.count):
        record = json.loads((Path(config.out) / "scenes" / f"{index:06d}.json").read_text(encoding="utf-8"))
        image: Image = {"id": index + 1} | record["image"]
        images.append(image)
        for found in record["annotations"]:
            annotation: Annotation = {"id": len(annotations) + 1, "image_id": index + 1} | found
            annotations.append(annotation)
    info = {"description": f"Coldstart renders of {config.scene.name}", "seed": config.seed}
    dataset = Dataset(Path(config.out), images, annotations, categories_from(config.class_names), info)
    save(dataset)
    return dataset


if __name__ == "__main__":
    cli.run(render, RenderConfig, "render", __doc__)
