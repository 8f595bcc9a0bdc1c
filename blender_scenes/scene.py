"""What a scene stands in: the typed form of conf/scene/*.yaml, and the concrete place that each scene draws from it.

A place goes through the spec as plain data, `{kind: fields}`, so that it can differ from scene to scene:
`furnish` draws it, `place` gives it back its surfaces, parts and lamps.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from blender_scenes.furniture.fridge import Fridge
from blender_scenes.furniture.parts import Place
from blender_scenes.spec import rounded
from blender_scenes.viewpoint import ViewPoint
from coldstart.errors import UserError

__all__ = ["Scene", "furnish", "place"]

PLACES = {"fridge": Fridge}


@dataclass
class Scene:
    """One YAML of conf/scene: exactly one place, and how it is filled and seen."""

    name: str = "???"
    fridge: Fridge | None = None  # this very fridge
    camera: ViewPoint = field(default_factory=ViewPoint)
    gap: float = 4.0  # smallest distance between two products
    max_overlap: float = 0.3  # largest share of a product's box that another's box may cover in the picture
    front_bias: float = 50.0  # how far behind a surface's front edge products typically stand
    deep_odds: float = 0.3  # share of products pushed further back

    def __post_init__(self) -> None:
        given = [kind for kind in PLACES if getattr(self, kind) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "none"
            raise UserError(f"scene: give exactly one of {', '.join(PLACES)}; {found} given")


def furnish(scene: Scene, rng: np.random.Generator) -> dict[str, Any]:
    """The concrete furniture of one scene as plain data, for `SceneSpec.furniture`."""
    kind = next(k for k in PLACES if getattr(scene, k) is not None)
    return {kind: _plain(dataclasses.asdict(getattr(scene, kind)))}


def place(furniture: dict[str, Any]) -> Place:
    """The place that `furnish` drew, from its plain data."""
    ((kind, content),) = furniture.items()
    made: Place = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(PLACES[kind]), content))  # type: ignore[assignment]
    return made


def _plain(value: Any) -> Any:
    """Nested dicts and lists as JSON gives them back, floats rounded."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return rounded(value) if isinstance(value, float) else value
