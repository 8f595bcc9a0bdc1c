"""Make the overlay picture of docs/your_fridge.md: a render stands in for the photo, its corners for the clicks.

python docs/match.py outputs/match docs/pictures/match_overlay.jpg
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from blender_scenes.spec import SceneSpec

RENDER = "scene=fridge_a look=fridge_a randomise=none count=1 seed=2 size=[480,640] samples=32 logger=none"


def corners(spec: SceneSpec) -> dict[str, list[float]]:
    """Pixels of what one would click, those that lie in the frame."""
    fridge = spec.furniture["fridge"]
    places = {}
    for y, where, width in ((0, "front", fridge["width"]), (fridge["depth"], "back", fridge["back_width"])):
        for side, x in (("left", -width / 2), ("right", width / 2)):
            places[f"cabinet.{where}_bottom_{side}"] = (x, y, 0)
            places[f"cabinet.{where}_top_{side}"] = (x, y, fridge["height"])
    for k, shelf in enumerate(fridge["shelves"]):
        for where in ("front", "back"):
            half = (fridge["width"] + (fridge["back_width"] - fridge["width"]) * shelf[where] / fridge["depth"]) / 2
            for side, x in (("left", -half), ("right", half)):
                places[f"shelf{k}.{where}_{side}"] = (x, shelf[where], shelf["height"])
    pixels, _ = spec.camera.project(np.array(list(places.values()), dtype=float) / 1000)
    pixels += np.random.default_rng(0).normal(0, 1, pixels.shape)  # no hand is steadier
    inside = ((pixels > 0) & (pixels < spec.camera.size)).all(axis=1)
    return {name: p.round(1).tolist() for name, p, seen in zip(places, pixels, inside, strict=True) if seen}


def main(out: Path, target: Path) -> None:
    """Render, mark, match; write the overlay to `target`."""
    render = [sys.executable, "-m", "blender_scenes.render", *RENDER.split(), f"out={out / 'photo'}"]
    subprocess.run(render, check=True)
    spec = SceneSpec.from_json(json.loads((out / "photo/scenes/000000.json").read_text()))
    fridge = spec.furniture["fridge"]
    marks = {
        "size": list(spec.camera.size),
        "points": corners(spec),
        "lengths": {"cabinet.width": fridge["width"]},
        "shelves": ["rimmed"] * len(fridge["shelves"]),
    }
    (out / "points.json").write_text(json.dumps(marks))
    keys = [f"photo={out / 'photo/images/000000.png'}", f"points={out / 'points.json'}", "scene_name=my_fridge"]
    match = [sys.executable, "-m", "blender_scenes.match", *keys, f"out={out / 'conf'}", "overwrite=true"]
    subprocess.run(match, check=True)
    with Image.open(out / "conf/overlay_my_fridge.jpg") as overlay:
        overlay.save(target, quality=88)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
