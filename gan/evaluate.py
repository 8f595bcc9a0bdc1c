"""Stage 2, measuring: how far are translations from the photos, and from the truth where that is known?

    python -m gan.evaluate translated=outputs/a target=photos out=outputs/scores/a
    python -m gan.evaluate translated=[outputs/renders,outputs/a,outputs/b] target=photos out=outputs/scores/all
    python -m gan.evaluate translated=outputs/a target=outputs/target truth=outputs/truth out=outputs/scores/a
    python -m gan.evaluate trained=outputs/gan source=outputs/renders target=photos out=outputs/scores/gan

`trained` is a folder of gan.train: `source` is translated and audited into `out`/best and `out`/last, by its best and
its last generator, and both are measured. Prints one row a folder and writes results.json. Distances between sets of
pictures: swd, of their small patches; kid_lite0 and frechet_lite0, on features of EfficientNet-Lite0 (no KID or FID,
whose numbers are others), each ± its standard error; also kid and fid where Inception's weights are stored. Means over
pairs with the truth: psnr and ssim (higher is better), st_lpips and, where AlexNet's weights are stored, lpips, with
95 % intervals; of pixels of objects alone psnr_objects, where truth is a dataset folder with masks/. docs/metrics.md
says how to read them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from omegaconf import MISSING
from torch import Tensor, nn

from coldstart import cli, dataset, lineage, tracking, training
from coldstart.errors import UserError
from coldstart.features import Lite0Features, extract
from coldstart.progress import track
from coldstart.tables import aligned
from gan.checkpoint import GENERATOR_FILES
from gan.data import Pictures, named, partners, read_picture, to_tensor
from gan.guide import read_instances
from gan.metrics import standard, stlpips
from gan.metrics.distances import FEWEST, frechet_distance, kernel_distance
from gan.metrics.pairs import bootstrap, pair_measures, psnr
from gan.metrics.patches import SMALLEST, PatchDistance
from gan.translate import TranslateConfig, translate

__all__ = ["EvaluateConfig", "evaluate"]

Results = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class EvaluateConfig:
    """See conf/gan_evaluate.yaml."""

    translated: Any = ()
    trained: str | None = None
    source: str | None = None
    target: str = MISSING
    truth: str | None = None
    out: str = MISSING
    subsets: int = 100
    draws: int = 1000
    seed: int = 0
    accelerator: str = "auto"
    logger: tracking.LoggerConfig = field(default_factory=tracking.LoggerConfig)

    def __post_init__(self) -> None:
        if not all(isinstance(f, str) for f in self.folders) or (self.trained is None and not self.folders):
            raise UserError(
                f"translated: must be a folder or a list of folders, got {self.translated!r}; or give trained="
            )
        if (self.trained is None) != (self.source is None):
            raise UserError("trained and source belong together: a folder of gan.train, and the renders to translate")
        if len(set(self.folders)) < len(self.folders):
            raise UserError("translated: names a folder twice")
        if self.subsets < 2 or self.draws < 1 or self.seed < 0:
            raise UserError("subsets must be at least 2, draws at least 1 and seed not below 0")

    @property
    def folders(self) -> list[str]:
        """The folders to compare that are there already."""
        return [self.translated] if isinstance(self.translated, str) else list(self.translated)


def evaluate(config: EvaluateConfig) -> None:
    """Measure every folder, print the table, write `config.out`/results.json.

    Raises:
        UserError: bad config or input.
    """
    pictures = {folder: dataset.list_photos(folder) for folder in config.folders}
    target = dataset.list_photos(config.target)
    renders = {config.source: dataset.list_photos(config.source)} if config.source is not None else {}
    for folder, paths in {**pictures, **renders, config.target: target}.items():
        if len(paths) < FEWEST:
            raise UserError(f"{folder}: holds {len(paths)} pictures; give at least {FEWEST}")
    pairs = {f: _pairs(paths, f, config.truth) for f, paths in pictures.items()} if config.truth else {}
    short_side = _short_side({**pictures, **renders})
    device, out = training.device(config.accelerator), Path(config.out)
    parents = {f"translated {number}": folder for number, folder in enumerate(config.folders)}
    parents |= {"target": config.target, **({"truth": config.truth} if config.truth else {})}
    parents |= {**_generators(config), **({"source": config.source} if config.source is not None else {})}
    if lineage.claim(out, "gan.evaluate", cli.plain(config), parents=parents):
        print(f"{out / 'results.json'}: already there")
        return
    with tracking.start(config.logger, "gan.evaluate", cli.plain(config), out) as run:
        for folder in map(str, _translations(config)):
            pictures[folder] = dataset.list_photos(folder)
            if config.truth:
                pairs[folder] = _pairs(pictures[folder], folder, config.truth)
        rows: Results = {folder: {"images": len(paths)} for folder, paths in pictures.items()}
        _measure_sets(rows, pictures, target, device, config, short_side=short_side)
        if pairs:
            _measure_pairs(rows, pairs, device, config)
        absent = _absent(config)
        results = {"target": config.target, "truth": config.truth, "folders": rows, "not_computed": absent}
        dataset.write_json(out / "results.json", results)
        run.summary(
            {f"{folder}/{k}": v["value"] for folder, row in rows.items() for k, v in row.items() if k != "images"}
        )
    lineage.complete(out)
    print(table(rows))
    for name, reason in absent.items():
        print(f"{name}: not computed: {reason}")
    print(out / "results.json")


def _generators(config: EvaluateConfig) -> dict[str, str]:
    """The generators of `trained`, best and last.

    Raises:
        UserError: it has not both.
    """
    if config.trained is None:
        return {}
    files = {weights: Path(config.trained) / file for weights, file in GENERATOR_FILES.items()}
    for file in files.values():
        if not file.is_file():
            raise UserError(f"trained: {file}: no such file; give the folder of a finished gan.train")
    return {weights: str(file) for weights, file in files.items()}


def _translations(config: EvaluateConfig) -> list[Path]:
    """`source` as both generators of `trained` translate and gan.audit flags it, in `out`/best and `out`/last."""
    made = []
    for weights in _generators(config):
        made.append(Path(config.out) / weights)
        keys: dict[str, Any] = {"source": config.source, "out": str(made[-1]), "accelerator": config.accelerator}
        checkpoint = str(Path(str(config.trained)) / GENERATOR_FILES["best"])
        translate(TranslateConfig(checkpoint, weights, logger=tracking.LoggerConfig(kind="none"), **keys))
    return made


def _short_side(pictures: dict[str, list[Path]]) -> int:
    """The median shorter side of the first folder's pictures: the scale that all are brought to.

    Raises:
        UserError: it is too small for patches.
    """
    folder, paths = next(iter(pictures.items()))
    side = int(median(min(read_picture(path).size) for path in paths))
    if side < SMALLEST:
        raise UserError(f"{folder}: pictures have {side} pixels on their shorter side; give at least {SMALLEST}")
    return side


def _measure_sets(
    rows: Results,
    pictures: dict[str, list[Path]],
    target: list[Path],
    device: torch.device,
    config: EvaluateConfig,
    *,
    short_side: int,
) -> None:
    """Distances between sets, whose pictures are all scaled to one shorter side."""
    networks: list[tuple[str, str, nn.Module]] = [("kid_lite0", "frechet_lite0", Lite0Features())]
    if weights := standard.stored(standard.INCEPTION):
        networks.append(("kid", "fid", standard.InceptionFeatures(weights)))

    for _, _, network in networks:
        network.to(device)

    def read(paths: list[Path], folder: str) -> Pictures:
        return Pictures(paths, description=f"reading {folder}", upright=True, short_side=short_side)

    def shown(read: Pictures, what: str, folder: str) -> Iterator[Tensor]:
        return (to_tensor(read[index]) for index in track(range(len(read)), f"{what} of {folder}", unit="picture"))

    def features(network: nn.Module, read: Pictures, folder: str) -> Tensor:
        return extract(network, (picture[None] for picture in shown(read, "features", folder)), device)

    photos = read(target, config.target)
    patches = PatchDistance(shown(photos, "patches", config.target), seed=config.seed)
    known = [features(network, photos, config.target) for _, _, network in networks]
    for folder, paths in pictures.items():
        made = read(paths, folder)
        rows[folder]["swd"] = patches(shown(made, "patches", folder))._asdict()
        for (kernel, frechet, network), theirs in zip(networks, known, strict=True):
            ours = features(network, made, folder)
            for name, distance in ((kernel, kernel_distance), (frechet, frechet_distance)):
                rows[folder][name] = distance(ours, theirs, subsets=config.subsets, seed=config.seed)._asdict()


def _pairs(paths: list[Path], folder: str, truth: str) -> list[tuple[Path, Path]]:
    """Every translation in `folder` and the picture of its name and size in `truth`."""
    others = named(dataset.list_photos(truth), truth)
    pairs = list(zip(paths, partners(named(paths, folder), others, f"truth={truth}"), strict=True))
    for path, true in pairs:
        size, true_size = read_picture(path).size, read_picture(true).size
        if size != true_size or min(size) < stlpips.SMALLEST:
            raise UserError(
                f"{path}: is {size[0]}×{size[1]}, its truth {true} {true_size[0]}×{true_size[1]}; "
                f"both must have one size, at least {stlpips.SMALLEST} pixels a side"
            )
    return pairs


def _measure_pairs(
    rows: Results, pairs: dict[str, list[tuple[Path, Path]]], device: torch.device, config: EvaluateConfig
) -> None:
    """Means over pairs, each with the interval of a bootstrap over the pictures."""
    measures = pair_measures(device)
    truth = dataset.load(str(config.truth)) if (Path(str(config.truth)) / "annotations.json").is_file() else None
    records = {truth.path(image): image for image in truth.images} if truth is not None else {}
    for folder, listed in pairs.items():
        values: dict[str, list[float]] = {name: [] for name in measures}
        for paths in track(listed, f"{folder} and the truth", unit="pair"):
            first, second = (to_tensor(np.asarray(read_picture(path)))[None].to(device) for path in paths)
            for name, measure in measures.items():
                values[name].append(float(measure(first, second)))
            if truth is not None and (inside := read_instances(truth, records[paths[1]]) > 0).any():
                alone = (picture[..., torch.from_numpy(inside)] for picture in (first, second))
                values.setdefault("psnr_objects", []).append(float(psnr(*alone)))
        for name, found in values.items():
            rows[folder][name] = bootstrap(found, config.draws, config.seed)._asdict()


def _absent(config: EvaluateConfig) -> dict[str, str]:
    """Metrics that are not among the results, and why."""
    reasons = {}
    wanted = {"kid, fid": standard.INCEPTION, **({"lpips": standard.ALEXNET} if config.truth else {})}
    for names, file in wanted.items():
        if standard.stored(file) is None:
            reasons[names] = f"weights absent: {Path(torch.hub.get_dir()) / 'checkpoints' / file}"
    return reasons


def table(rows: Results) -> str:
    """The results as lines of text, one a folder."""
    names = [name for name in dict.fromkeys(name for row in rows.values() for name in row) if name != "images"]
    cells = [["folder", "images", *names]]
    cells += [[folder, str(row["images"]), *(_cell(row.get(name)) for name in names)] for folder, row in rows.items()]
    return aligned(cells)


def _cell(measured: dict[str, float] | None) -> str:
    if measured is None:  # psnr_objects of a folder whose pictures show none
        return "-"
    if "error" in measured:
        return f"{measured['value']:.4g} ± {measured['error']:.2g}"
    return f"{measured['value']:.4g} ({measured['low']:.4g}–{measured['high']:.4g})"


if __name__ == "__main__":
    cli.run(evaluate, EvaluateConfig, "gan_evaluate", __doc__)
