"""One piece of a product, turned as it will stand."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from blender_scenes.contact import centre_of_mass, resting
from blender_scenes.geometry import Mesh
from blender_scenes.placement import DIRECTIONS, PLANE, extent, moved
from blender_scenes.spec import Matrix, Triple, rounded

__all__ = ["Body", "Solid", "stackable"]

Floats = NDArray[np.float64]

LEVEL = 5e-4  # metres: what is this near to the lowest or highest point belongs to the base or the top
OVERLAP = 0.8  # share of a base's reach that the top below it must offer in every direction


@dataclass(frozen=True, eq=False)
class Solid:
    """A product's mesh as placement needs it: vertices N×3 in metres, triangles T×3, centre of mass."""

    vertices: Floats
    triangles: NDArray[np.int64]
    centre: Floats

    @classmethod
    def of(cls, mesh: Mesh) -> "Solid":
        """From a product's mesh."""
        triangles = mesh.triangles()
        return cls(mesh.vertices, triangles, centre_of_mass(mesh.vertices, triangles))


@dataclass(frozen=True, eq=False)
class Body:
    """A solid, scaled and turned by the rounded numbers that the spec will hold, around the origin.

    `reach` is its extent in `placement.DIRECTIONS`.
    """

    solid: Solid
    rotation: Matrix
    scale: float
    vertices: Floats
    reach: Floats

    @classmethod
    def of(cls, solid: Solid, rotation: Floats, scale: float, *, rest: bool = True) -> "Body":
        """Turned by about `rotation`: with `rest`, as far beyond it as the piece tips until it stands."""
        scale = rounded(scale)
        if rest:
            turned = scale * solid.vertices @ rotation.T
            rotation = resting(turned, scale * rotation @ solid.centre) @ rotation
        matrix: Matrix = rounded(rotation)
        vertices = scale * solid.vertices @ np.array(matrix).T
        return cls(solid, matrix, scale, vertices, extent(vertices))

    @cached_property
    def hull(self) -> Floats:
        """Its outermost vertices M×3, one or more directions each."""
        outer: Floats = self.vertices[np.unique((DIRECTIONS @ self.vertices.T).argmax(axis=1))]
        return outer

    @cached_property
    def low(self) -> Floats:
        """Least x, y, z."""
        lowest: Floats = self.vertices.min(axis=0)
        return lowest

    @cached_property
    def high(self) -> Floats:
        """Greatest x, y, z."""
        highest: Floats = self.vertices.max(axis=0)
        return highest

    @cached_property
    def size(self) -> Floats:
        """Extent in x, y, z."""
        return self.high - self.low

    @cached_property
    def centre(self) -> Floats:
        """Centre of mass."""
        middle: Floats = self.scale * np.array(self.rotation) @ self.solid.centre
        return middle

    @cached_property
    def base(self) -> Floats:
        """The vertices that it stands on."""
        return self.vertices[self.vertices[:, 2] <= self.low[2] + LEVEL]

    @cached_property
    def top(self) -> Floats:
        """Its highest vertices."""
        return self.vertices[self.vertices[:, 2] >= self.high[2] - LEVEL]

    def at(self, location: Triple) -> Floats:
        """Triangles T×3×3 at a location in the world."""
        corners: Floats = (self.vertices + np.array(location))[self.solid.triangles]
        return corners

    def reach_at(self, location: Triple) -> Floats:
        """Extent at a location in the world."""
        return moved(self.reach, np.array(location))


def stackable(upper: Body, lower: Body) -> bool:
    """Whether `upper` stands on `lower` when their origins are above each other: its base lies on the other's top."""
    flat = np.array([1.0, 1.0, 0.0])
    around = upper.centre * flat
    base, top = extent((upper.base - around) * flat), extent((lower.top - around) * flat)
    return bool((base[PLANE] > 0).all() and (top[PLANE] >= OVERLAP * base[PLANE]).all())
