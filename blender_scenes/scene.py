"""What a scene stands in: the typed form of conf/scene/*.yaml, and the concrete place that each scene draws from it.

A place goes through the spec as plain data, `{kind: fields}`, so that it can differ from scene to scene:
`furnish` draws it, `place` gives it back its surfaces, parts and lamps.
"""

import dataclasses
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from blender_scenes.furniture.fridge import Fridge
from blender_scenes.furniture.fridges import Fridges
from blender_scenes.furniture.parts import Place, rising
from blender_scenes.furniture.shelf import ShelfUnit, Shelves
from blender_scenes.furniture.table import Table, Tables
from blender_scenes.spec import Camera, rounded
from blender_scenes.viewpoint import Framing, ViewPoint
from coldstart.errors import UserError

__all__ = ["Scene", "furnish", "place", "view"]

_hints = cache(get_type_hints)
PLACES = {"fridge": Fridge, "shelf": ShelfUnit, "table": Table}


@dataclass
class Scene:
    """One YAML of conf/scene: exactly one place, exactly one kind of camera, and how the place is filled."""

    name: str = "???"
    fridge: Fridge | None = None  # this very fridge
    any_fridge: Fridges | None = None  # each scene draws a fridge
    shelf: Shelves | None = None  # each scene draws a shelving unit
    table: Tables | None = None  # each scene draws a table
    camera: ViewPoint | None = None  # this camera, held by a hand
    framing: Framing | None = None  # any camera that sees so much of the place
    distortion: list[float] = field(default_factory=lambda: [-0.12, 0.03])  # k1 of the lens, see blender_scenes.lens
    front_bias: float = 50.0  # how far behind a surface's front edge products typically stand
    deep_odds: float = 0.3  # share of products pushed further back

    def __post_init__(self) -> None:
        _exactly_one(self, ("fridge", "any_fridge", "shelf", "table"))
        _exactly_one(self, ("camera", "framing"))
        rising("scene.distortion", self.distortion, -10)

    @property
    def view(self) -> ViewPoint | Framing:
        """The camera, of whichever kind."""
        chosen = self.camera or self.framing
        assert chosen is not None
        return chosen


def _exactly_one(scene: Scene, keys: tuple[str, ...]) -> None:
    given = [key for key in keys if getattr(scene, key) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise UserError(f"scene: give exactly one of {', '.join(keys)}, found {found}; a key is unset with key=null")


def furnish(scene: Scene, rng: np.random.Generator) -> dict[str, Any]:
    """The concrete furniture of one scene as plain data, for `SceneSpec.furniture`."""
    if scene.fridge is not None:
        made: Fridge | ShelfUnit | Table = scene.fridge
    else:
        family = scene.any_fridge or scene.shelf or scene.table
        assert family is not None
        made = family.draw(rng)
    kind = next(k for k, place_type in PLACES.items() if isinstance(made, place_type))
    return {kind: _plain(dataclasses.asdict(made))}


def place(furniture: dict[str, Any]) -> Place:
    """The place that `furnish` drew, from its plain data."""
    ((kind, content),) = furniture.items()
    made: Place = _typed(PLACES[kind], content)
    return made


def _typed(kind: Any, content: Any) -> Any:
    """A dataclass from its fields, and lists of them; OmegaConf does the same fifty times more slowly."""
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _typed(hints[name], value) for name, value in content.items()})
    if get_origin(kind) is list:
        return [_typed(get_args(kind)[0], value) for value in content]
    return content


def view(scene: Scene, where: Place, size: list[int], rng: np.random.Generator) -> Camera:
    """The camera of one scene; `size` is [width, height] in pixels."""
    return scene.view.draw(where.frame(), size, rng)


def _plain(value: Any) -> Any:
    """Nested dicts and lists as JSON gives them back, floats rounded."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return rounded(value) if isinstance(value, float) else value
