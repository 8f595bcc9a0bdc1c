"""Occlusion on purpose: roughly how much of each piece is hidden, and how far that is from what is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender_scenes.chance import odds
from blender_scenes.spec import Camera

__all__ = ["Occlusion", "Shapes"]

Floats = NDArray[np.float64]

GRID = 64  # cells along the picture's longer side
_TURNS = 2 * np.pi * np.arange(24) / 24
_SLANTED = np.stack([np.cos(_TURNS), np.sin(_TURNS)])[:, np.arange(24) % 12 != 6]  # normals that are not up or down
_RIGHT = _SLANTED[0] > 0


@dataclass(frozen=True)
class Shapes:
    """Silhouettes of N bodies: the cells they cover (N×cells), and their mean distances from the camera in metres."""

    cells: NDArray[np.bool_]
    distances: Floats

    def __len__(self) -> int:
        return len(self.distances)


class Occlusion:
    """Silhouettes of the pieces placed so far, in their order, and the visible fractions that are `wanted`: odds in
    equal bins from 0 to 1.

    A silhouette is the hull of the projected vertices on a coarse grid; the nearer piece hides the farther one. That is
    near enough to choose places by; the labels' visible fractions come from the render.
    """

    def __init__(self, camera: Camera, wanted: Sequence[float]) -> None:
        self.camera, self.wanted = camera, wanted
        width, height = camera.size
        cell = max(width, height) / GRID
        self.rows = (np.arange(int(np.ceil(height / cell))) + 0.5) * cell
        self.columns = (np.arange(int(np.ceil(width / cell))) + 0.5) * cell
        self.known = Shapes(np.zeros((0, len(self.rows) * len(self.columns)), dtype=bool), np.zeros(0))

    def shapes(self, hull: Floats, locations: Floats) -> Shapes:
        """Silhouettes of one body with M×3 outermost vertices at N×3 locations before the camera; metres."""
        world = hull + locations[:, None]
        pixels = self.camera.project(world.reshape(-1, 3))[0].reshape(len(locations), -1, 2)
        y, reach = pixels[..., 1], (pixels @ _SLANTED).max(axis=1)
        # On each row, from the farthest left limit to the nearest right one.
        ends = (reach[:, None] - self.rows[:, None] * _SLANTED[1]) / _SLANTED[0]
        right, left = ends[..., _RIGHT].min(axis=-1), ends[..., ~_RIGHT].max(axis=-1)
        inside = (self.rows >= y.min(axis=1, keepdims=True)) & (self.rows <= y.max(axis=1, keepdims=True))
        cells = (self.columns >= left[..., None]) & (self.columns <= right[..., None]) & inside[..., None]
        distances = np.linalg.norm(world.mean(axis=1) - np.array(self.camera.location), axis=1)
        return Shapes(cells.reshape(len(cells), -1), distances)

    def misfits(self, options: Sequence[Shapes]) -> Floats:
        """N: how far visible fractions would be from what is wanted with one more of all N pieces."""
        more = _joined(options)
        order = np.argsort(self.known.distances, kind="stable")
        known, distances = self.known.cells[order], self.known.distances[order]
        # What is covered by none, by the nearest, by the two nearest…
        covered = np.zeros((len(known) + 1, known.shape[1]), dtype=bool)
        np.logical_or.accumulate(known, axis=0, out=covered[1:])
        shown = known & ~covered[:-1]
        nearer = np.searchsorted(distances, more.distances)
        # 32-bit floats count cells exactly, and fast.
        cells = more.cells.astype(np.float32)
        hidden = (cells @ covered.T.astype(np.float32))[np.arange(len(more)), nearer]
        lost = np.where(np.arange(len(known)) >= nearer[:, None], cells @ shown.T.astype(np.float32), 0)
        left = (shown.sum(axis=1) - lost.astype(float)) / np.maximum(known.sum(axis=1), 1)
        own = 1 - hidden.astype(float) / np.maximum(more.cells.sum(axis=1), 1)
        return self._misfits(np.concatenate([left, own[:, None]], axis=1))

    def misfit(self, without: int | None = None) -> float:
        """How far visible fractions are from what is wanted, or would be without one of the pieces."""
        kept = np.flatnonzero(np.arange(len(self.known)) != without)
        known = self.known.cells[kept[np.argsort(self.known.distances[kept], kind="stable")]]
        covered = np.logical_or.accumulate(known, axis=0)
        shown = known.sum(axis=1)
        shown[1:] -= (known[1:] & covered[:-1]).sum(axis=1)
        return float(self._misfits((shown / np.maximum(known.sum(axis=1), 1))[None])[0])

    def _misfits(self, fractions: Floats) -> Floats:
        """N: how far N×M visible fractions are from what is wanted; 0 or more.

        The mean distance between the sorted fractions and as many quantiles of the wanted distribution (the
        Wasserstein distance of the two), which leads the way, and that of their shares in the bins, which counts.
        """
        bins = len(self.wanted)
        quantiles = _quantiles(self.wanted, fractions.shape[1])
        distance = np.abs(np.sort(fractions, axis=1) - quantiles).mean(axis=1)
        number = np.minimum((fractions * bins).astype(int), bins - 1)
        shares = (number[..., None] == np.arange(bins)).mean(axis=1)
        misfit: Floats = np.round(distance + np.abs(shares - odds(self.wanted)).sum(axis=1) / 2, 6)
        return misfit

    def add(self, hull: Floats, location: Sequence[float]) -> None:
        """One more piece, by its M×3 outermost vertices around its location."""
        new = self.shapes(hull, np.array([location]))
        self.known = _joined([self.known, new])

    def remove(self, number: int) -> None:
        """Forget a piece."""
        self.known = Shapes(np.delete(self.known.cells, number, axis=0), np.delete(self.known.distances, number))


def _joined(shapes: Sequence[Shapes]) -> Shapes:
    return Shapes(np.concatenate([s.cells for s in shapes]), np.concatenate([s.distances for s in shapes]))


def _quantiles(weights: Sequence[float], count: int) -> Floats:
    """The middles of `count` equal shares of a distribution given by odds in equal bins from 0 to 1."""
    steps = np.concatenate([[0.0], np.cumsum(odds(weights))])
    middles: Floats = np.interp((np.arange(count) + 0.5) / count, steps, np.linspace(0, 1, len(steps)))
    return middles
