"""Your fridge from one photo: camera, lens, shelves and light, as a scene and a look for the renderer.

  python -m blender_scenes.match photo=fridge.jpg scene_name=my_fridge out=my_conf
  python -m blender_scenes.match photo=fridge.jpg points=points.json scene_name=my_fridge out=my_conf

The first form opens a page on this machine in which you click the points, the second takes them from a file. Look at
out/overlay_NAME.jpg to see how well it fits, then render with --config-dir out scene=NAME look=NAME.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from blender_scenes.furniture.parts import FINISHES, one_of
from blender_scenes.matching import files
from coldstart import cli
from coldstart.dataset import write_atomic
from coldstart.errors import UserError

__all__ = ["MatchConfig", "match"]


@dataclass
class MatchConfig:
    """conf/match.yaml."""

    photo: str = "???"
    out: str = "???"
    points: str = "click"
    scene_name: str = "my_fridge"
    products: list[str] = field(default_factory=lambda: ["eggBox", "joghurt", "ketchup", "mustard", "orange", "water"])
    door: str = "right"
    gasket: str = "gasket"
    kitchen: bool = True
    port: int = 8137
    overwrite: bool = False

    def __post_init__(self) -> None:
        files.check_name("scene_name", self.scene_name)
        one_of("door", self.door, ("left", "right", "none"))
        one_of("gasket", self.gasket, ("none", *FINISHES))
        if not 0 <= self.port <= 65535:
            raise UserError(f"port: {self.port} is not in 0..65535")
        if not self.products:
            raise UserError("products: name at least one")


def match(config: MatchConfig) -> None:
    """Write the scene, the look, the points and the overlay.

    Raises:
        UserError: see `matching.photo.read`, `matching.marks.parse` and `matching.solve.solve`; a file that would be
            written exists or cannot be written, or a product is unknown.
    """
    from blender_scenes.matching import furnish, light, marks, page, photo
    from blender_scenes.matching.overlay import overlay
    from blender_scenes.matching.solve import Solution, solve

    out, name = Path(config.out), config.scene_name
    _check_products(config.products, out)
    targets = {
        "scene": out / "scene" / f"{name}.yaml",
        "look": out / "look" / f"{name}.yaml",
        "points": out / "points" / f"{name}.json",
        "overlay": out / f"overlay_{name}.jpg",
    }
    if not config.overwrite and (there := [str(p) for p in targets.values() if p.exists()]):
        raise UserError(f"{there[0]}: exists; choose another scene_name= or out=, or set overwrite=true")
    taken = photo.read(config.photo)
    extras = {"door": config.door, "gasket": config.gasket, "kitchen": config.kitchen}

    def attempt(marked: marks.Marks) -> tuple[Solution, bytes]:
        found = solve(marked, taken.lens)
        return found, overlay(found, furnish.scene(found, name, extras), taken.pixels)

    if config.points == "click":
        found, picture = page.clicked(taken, lambda content: attempt(marks.parse(content, taken.size)), config.port)
    else:
        found, picture = attempt(marks.read(config.points, taken.size))
    print(found.report())
    scene = furnish.scene(found, name, extras)
    fitted, said = light.look(taken, found, scene)
    print(said)
    comment = f"A fridge matched to {taken.path.name} by blender_scenes.match.\n{found.report()}"
    contents = {
        "points": json.dumps(found.marks.to_json(), indent=1).encode(),
        "overlay": picture,
        "look": files.look_yaml(fitted, f"The light of {taken.path.name}; {said}").encode(),
        "scene": files.scene_yaml(scene, config.products, comment).encode(),
    }
    try:
        for key, content in contents.items():
            write_atomic(targets[key], content)
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror}); choose another out=") from None
    width, height = taken.size
    size = f"[{round(416 * width / height / 8) * 8},416]"
    print(f"look at {targets['overlay']}, then:")
    print(
        f"  python -m blender_scenes.preview --config-dir {out} scene={name} look={name} "
        f"size={size} count=8 out=outputs/{name}_preview"
    )


def _check_products(names: list[str], out: Path) -> None:
    known = sorted({p.stem for folder in (cli.conf_dir(), out) for p in (folder / "product").glob("*.yaml")})
    for name in names:
        if name not in known:
            raise UserError(f"products: no product {name!r}; there are {', '.join(known)}")


if __name__ == "__main__":
    cli.run(match, MatchConfig, "match", __doc__)
