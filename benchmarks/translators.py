"""Every translator on the simulated camera, whose truth is known, and on real places: one table each.

    python -m benchmarks.translators out=outputs/translators real.fridge_a=path/to/photos
    python -m benchmarks.translators out=outputs/translators places=[simulated] models=[bilateral,cut_small]

Renders in the look `clean` are translated. On the simulated camera, the target is renders of other scenes in the look
`simulated_camera`, and the truth the same scenes in it. Of a real place's photos one half is the target and the other
measures. Calling it again goes on where it stopped. ± is a standard error for `swd` and `kid_lite0`, half of a 95 %
interval for what is measured against the truth. Where that is known, it also says how far the order in which the first
two put the models is the order by the truth. Keys are the fields of `Comparison`.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from scipy import stats

from benchmarks.commands import run
from coldstart.cli import plain, typed
from coldstart.tables import aligned

BASELINES = ("none", "reinhard", "histogram", "fda")
# What is trained, with keys that fit it to two CPU cores where its preset does not.
SMALL = {"crop": 128, "model.generator.base": 32, "model.generator.blocks": 4, "model.generator.residual": 1.0}
SMALL |= {"model.ema": 0.995}
TRAINED: dict[str, dict[str, Any]] = {
    "bilateral": {"batch": 4},
    "cyclegan_small": {},
    "cut_small": {},
    "fastcut": {**SMALL, "model.discriminator.base": 32, "model.nce_layers": "[0,4,7,10,13]"},
    "pix2pix_small": {"pairing": "random"},
    "gbuffer": SMALL,
}
COLUMNS = ("swd", "kid_lite0", "st_lpips", "psnr", "ssim")


@dataclass(frozen=True)
class Comparison:
    """Keys of the command line."""

    out: str = "outputs/translators"
    places: list[str] = field(default_factory=lambda: ["simulated", "real"])
    real: dict[str, str] = field(default_factory=dict)  # scene of that place, which is its look's name: labelled photos
    models: list[str] = field(default_factory=lambda: [*BASELINES, *TRAINED])
    count: int = 96  # renders to translate, and photos of the simulated camera
    size: list[int] = field(default_factory=lambda: [240, 320])
    steps: int = 1000  # of every trained model
    every: int = 100  # steps between two measurements, of which the best is kept
    seed: int = 0


def main(keys: list[str]) -> None:
    """Make what is missing, print the tables."""
    config = typed(Comparison, OmegaConf.from_dotlist(keys))
    out = Path(config.out)
    print(json.dumps(plain(config)))
    if "simulated" in config.places:
        folder = out / "simulated"
        camera = {"scene": "fridge_a", "size": config.size, "count": config.count, "look": "simulated_camera"}
        for seed, name in enumerate(("truth", "target", "unseen"), config.seed):
            run("blender_scenes.render", folder / name, **camera, seed=seed)
        known = {"target": folder / "target", "unseen": folder / "unseen", "truth": folder / "truth"}
        compare("fridge_a", folder, config, **known)
    if "real" in config.places:
        for place, photos in config.real.items():
            folder = out / place
            run("coldstart.split", folder / "photos", data=photos, train=0.5, seed=config.seed)
            compare(place, folder, config, target=folder / "photos" / "train", unseen=folder / "photos" / "test")


def compare(
    scene: str, folder: Path, config: Comparison, *, target: Path, unseen: Path, truth: Path | None = None
) -> None:
    """Render `scene` into `folder`/renders, translate that in every way, measure, print the table."""
    renders, times, made = folder / "renders", {}, {}
    keys = {"look": "clean", "passes": "[depth,normals,albedo]", "seed": config.seed}
    run("blender_scenes.render", renders, scene=scene, size=config.size, count=config.count, **keys)
    for model in config.models:
        made[model] = folder / "translated" / model
        if model in TRAINED:
            trained = folder / "trained" / model
            shared = {"steps": config.steps, "measure.every": config.every, "seed": config.seed}
            timed("gan.train", trained, model=model, source=renders, target=target, **{**shared, **TRAINED[model]})
            times[model] = seconds(trained)
            how: dict[str, Any] = {"checkpoint": trained / "generator.safetensors"}
        else:
            how = {"model": model} if model == "none" else {"model": model, "target": target, "seed": config.seed}
        timed("gan.translate", made[model], source=renders, audit="off", **how)
        run("gan.audit", folder / "audit" / model, translated=made[model], source=renders)
    folders = f"[{','.join(map(str, made.values()))}]"
    known = {"truth": truth} if truth else {}
    scores = folder / "scores" / "_".join(config.models)
    run("gan.evaluate", scores, translated=folders, target=unseen, seed=config.seed, **known)
    results = json.loads((scores / "results.json").read_text())["folders"]
    rows = []
    for model, translated in made.items():
        found = results[str(translated)]
        totals = json.loads((folder / "audit" / model / "audit.json").read_text())["totals"]
        trained = f"{times[model] / 60:.1f}" if model in times else "-"
        share = totals["all"]["retained_share"]
        measured = [shown(found[name]) if name in found else "-" for name in COLUMNS]
        rate = f"{config.count / seconds(translated):.1f}"
        rows.append([model, trained, rate, *measured, f"{100 * share:.1f}", str(totals["appeared"])])
    head = ["model", "train min", "images/s", *COLUMNS, "retained %", "appeared"]
    print(f"\n{folder.name}: {config.count} renders, measured against {unseen}\n")
    print(aligned([head, *rows], right=True), flush=True)
    if truth:
        for distance in ("swd", "kid_lite0"):
            print(f"rank correlation of {distance} with {orders(list(results.values()), distance)}", flush=True)


def orders(rows: Sequence[Mapping[str, Any]], distance: str) -> str:
    """Spearman's rank correlation of a distance with what is measured against the truth, in words."""
    found = []
    for name in ("st_lpips", "psnr"):
        ranked = stats.spearmanr(*([row[column]["value"] for row in rows] for column in (distance, name)))
        found.append(f"{name} {ranked.statistic:+.2f}")
    return ", ".join(found)


def shown(measured: dict[str, float]) -> str:
    """A value and its standard error, or the width of its 95 % interval to either side."""
    error = measured["error"] if "error" in measured else (measured["high"] - measured["low"]) / 2
    return f"{measured['value']:.4g} ± {error:.2g}"


def timed(module: str, out: Path, **keys: Any) -> None:
    """`run`, and how long it took, which lies beside `out`."""
    start = time.perf_counter()
    run(module, out, **keys)
    clock = out.with_suffix(".seconds")
    if not clock.exists():
        clock.write_text(f"{time.perf_counter() - start:.2f}\n")


def seconds(out: Path) -> float:
    """What the call that finished `out` took, start included."""
    return float(out.with_suffix(".seconds").read_text())


if __name__ == "__main__":
    main(sys.argv[1:])
