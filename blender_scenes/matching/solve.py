"""Camera, lens and shelf geometry from marked points: a small bundle adjustment with priors.

The most probable unknowns minimise squared reprojection errors, errors of known lengths and distances from the priors
(maximum a posteriori; Triggs et al., "Bundle adjustment: a modern synthesis", 2000). Reprojection errors are dampened
beyond three deviations, so that one wrong click does not bend everything (soft-L1). The solver starts from a grid of
lenses and directions; each gives the camera's place by linear least squares.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from blender_scenes.geometry import euler
from blender_scenes.matching import model
from blender_scenes.matching.marks import Marks
from blender_scenes.matching.model import SENSOR_MM, Prior
from blender_scenes.spec import Camera
from coldstart.errors import UserError

__all__ = ["Solution", "solve"]

Floats = NDArray[np.float64]

CLICK = 0.0025  # of the picture's height: how far a click strays, and a real cabinet from a plain box
RULER = 1.0  # mm, how far a measured length strays
LOOSE = 0.6  # an unknown whose deviation is still this share of its prior's was not determined
NEAR = 50.0  # mm; what a trial camera has closer or behind it counts as there
STARTS = 3  # of the grid's, refined
FAILED = 0.05  # of the picture's height: RMS error beyond which the labels are wrong, not the clicks


@dataclass(frozen=True)
class Solution:
    """`values` and `deviations` by name (mm, degrees); `errors` in pixels by point; `loose` names kept typical."""

    marks: Marks
    values: Mapping[str, float]
    deviations: Mapping[str, float]
    errors: Mapping[str, float]
    loose: tuple[str, ...]

    @property
    def rms(self) -> float:
        """Root mean square reprojection error in pixels."""
        return float(np.sqrt(np.mean(np.square(list(self.errors.values())))))

    @property
    def camera(self) -> Camera:
        """The photo's camera."""
        return model.camera(self.values, self.marks.size)

    def report(self) -> str:
        """What was found, how sure it is, and what was not determined, for people."""
        v, d = self.values, self.deviations
        show = ["camera.lens_mm", "camera.pitch", "camera.yaw", "camera.roll"]
        show += ["cabinet.width", "cabinet.height", "cabinet.depth"]
        show += [f"shelf{k}.height" for k in range(len(self.marks.shelves))]
        lines = [f"fit: RMS {self.rms:.1f} px over {len(self.errors)} points"]
        worst = sorted(self.errors.items(), key=lambda item: -item[1])[:3]
        lines.append("farthest off: " + ", ".join(f"{name} {error:.1f} px" for name, error in worst))
        lines += [f"  {name:16} {v[name]:8.1f} ± {d[name]:.1f}" for name in show if name not in self.loose]
        if self.loose:
            # A shelf's back edge is solved by its distance from the back wall, and named as what people know.
            plain = {n: v["cabinet.depth"] - v[n] if n.endswith(".behind") else v[n] for n in self.loose}
            said = ", ".join(f"{name.replace('.behind', '.back')} ({value:.0f})" for name, value in plain.items())
            lines.append(f"not determined by these points, typical values taken: {said}")
        return "\n".join(lines)


def solve(marks: Marks, lens: Prior) -> Solution:
    """The most probable camera and fridge for `marks`; `lens` is what is known of the focal length.

    Raises:
        UserError: no fridge fits the points: labels are mixed up, or a known length is far off.
    """
    known = model.priors(marks, lens)
    names = list(known)
    residuals, count = _residuals(marks, known)

    def dampened(squares: Floats) -> Floats:
        """Soft-L1 for the points, plain squares for lengths and priors: ρ, ρ′, ρ″."""
        rho = np.stack([squares, np.ones_like(squares), np.zeros_like(squares)])
        t = 1 + squares[:count] / 9
        rho[:, :count] = 18 * (np.sqrt(t) - 1), t**-0.5, -(t**-1.5) / 18
        return rho

    starts = sorted(_starts(marks, known), key=lambda s: float(dampened(residuals(s) ** 2)[0].sum()))[:STARTS]
    fits = [least_squares(residuals, s, loss=dampened, method="trf", max_nfev=200) for s in starts]
    best = min(fits, key=lambda fit: fit.cost)
    values = {name: known[name].value(t) for name, t in zip(names, best.x, strict=True)}
    pixels = residuals(best.x)[:count] * CLICK * marks.size[1]
    errors = dict(zip(marks.solid, np.hypot(*pixels.reshape(-1, 2).T).tolist(), strict=True))
    spread = np.sqrt(np.diag(np.linalg.inv(best.jac.T @ best.jac)))
    deviations = {
        name: s * known[name].deviation * (values[name] if known[name].log else 1)
        for name, s in zip(names, spread, strict=True)
    }
    loose = tuple(
        n for n, s in zip(names, spread, strict=True) if s > LOOSE and not n.endswith((".left", ".right", ".x"))
    )
    found = Solution(marks, values, deviations, errors, loose)
    if found.rms > FAILED * marks.size[1]:
        worst = sorted(errors, key=lambda name: -errors[name])[:3]
        raise UserError(
            f"{marks.source}: no fridge fits these points (RMS {found.rms:.0f} px; worst {', '.join(worst)}); "
            "check their labels, left and right, front and back, and the known lengths"
        )
    return found


def _residuals(marks: Marks, known: dict[str, Prior]) -> tuple[Callable[[Floats], Floats], int]:
    """The function of unknowns (in deviations) whose squares are minimised, and how many of its values are pixels'."""
    names, solid = list(known), marks.solid
    spots = np.array(list(solid.values()))
    width, height = marks.size

    def residuals(theta: Floats) -> Floats:
        values = {name: known[name].value(t) for name, t in zip(names, theta, strict=True)}
        eye = model.camera(values, marks.size)
        points = np.array([model.place(name, values, marks) for name in solid]) / 1000
        local = (points - eye.location) @ np.array(eye.rotation)
        depth = np.maximum(-local[:, 2], NEAR / 1000)
        focal = eye.lens_mm / SENSOR_MM * height
        found = np.stack([width / 2 + focal * local[:, 0] / depth, height / 2 - focal * local[:, 1] / depth], axis=1)
        lengths = [(model.length(name, values, marks) - mm) / RULER for name, mm in marks.lengths.items()]
        return np.concatenate([((found - spots) / (CLICK * height)).ravel(), lengths, theta])

    return residuals, 2 * len(spots)


def _starts(marks: Marks, known: dict[str, Prior]) -> list[Floats]:
    """Typical fridges seen from a grid of directions through a grid of lenses; the camera's place fits the points."""
    typical = {name: prior.mean for name, prior in known.items()}
    points = np.array([model.place(name, typical, marks) for name in marks.solid])
    spots = np.array(list(marks.solid.values()))
    width, height = marks.size
    found = []
    for zoom, pitch, yaw in product((0.7, 1.0, 1.5), (-35, -15, 0, 15), (-30, -10, 10, 30)):
        lens = known["camera.lens_mm"].mean * zoom
        focal = lens / SENSOR_MM * height
        rays = np.stack(
            [(spots[:, 0] - width / 2) / focal, (height / 2 - spots[:, 1]) / focal, -np.ones(len(spots))], axis=1
        )
        rays = rays @ (euler([0, 0, yaw]) @ euler([90 + pitch, 0, 0])).T
        # The place from which the points lie on their rays: ray × (point − place) = 0, linear in the place.
        cross = np.stack([np.cross(rays, axis) for axis in np.eye(3)], axis=-1).reshape(-1, 3)
        place, *_ = np.linalg.lstsq(cross, np.cross(rays, points).ravel(), rcond=None)
        guess = {**typical, "camera.pitch": pitch, "camera.yaw": yaw, "camera.lens_mm": lens}
        guess |= {f"camera.{axis}": value for axis, value in zip("xyz", place, strict=True)}
        found.append(np.array([prior.theta(guess[name]) for name, prior in known.items()]))
    return found
