"""How far translated pictures are from the target's, and from the truth where that is known."""

from coldstart.features import Lite0Features, extract
from gan.metrics.distances import DomainDistance, Estimate, frechet_distance, kernel_distance
from gan.metrics.stlpips import STLpips

__all__ = [
    "DomainDistance",
    "Estimate",
    "Lite0Features",
    "STLpips",
    "extract",
    "frechet_distance",
    "kernel_distance",
]
