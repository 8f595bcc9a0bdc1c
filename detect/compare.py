"""What one detector scores more than another on the same labelled photos, and what was different in their making.

    python -m detect.compare runs=[outputs/scores/a,outputs/scores/b] out=outputs/compared

`runs` are out folders of detect.evaluate, scored on the same data. Prints AP and AP50 of each, class by class, and the
differences to the first run with 95 % intervals over images, drawn for both alike (paired). With `out` it also writes
  compare.html   one page that works offline: differences, settings, curves, kinds of errors, every photo under all runs
  compare.json   the same numbers
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from coldstart import ancestry, cli, curves, lineage
from coldstart.dataset import write_atomic, write_json
from coldstart.errors import UserError
from coldstart.tables import aligned
from detect import compare_page
from detect.matching import Matches
from detect.per_photo import per_photo
from detect.precision import check_draws
from detect.run import Run, check_runs
from detect.scoring import paired

__all__ = ["CompareConfig", "compare", "numbers", "table"]


@dataclass(frozen=True)
class CompareConfig:
    """See conf/detect_compare.yaml."""

    runs: list[str]
    out: str | None = None
    draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 2 <= len(self.runs) <= len(ascii_uppercase):
            raise UserError(f"runs: needs two folders or more (26 at most), got {len(self.runs)}")
        check_runs(self.runs)
        check_draws(self.draws, self.seed)


def compare(config: CompareConfig) -> None:
    """Print a table for each run after the first; write the page.

    Raises:
        UserError: a run has no scores, or was scored on other data.
    """
    matches = [Matches.load(Path(run) / "matches.npz") for run in config.runs]
    differences = []
    for run, other in zip(config.runs[1:], matches[1:], strict=True):
        try:
            differences.append(paired(matches[0], other, draws=config.draws, seed=config.seed))
        except UserError as error:
            raise UserError(f"{config.runs[0]}, {run}: {error}") from None
        letter = ascii_uppercase[len(differences)]
        print(f"A = {config.runs[0]}\n{letter} = {run}\n\n{table(differences[-1], letter)}\n")
    if config.out is not None:
        _write(config, matches, differences)


def _write(config: CompareConfig, matches: Sequence[Matches], differences: Sequence[dict[str, Any]]) -> None:
    runs = [Run.open(folder) for folder in config.runs]
    found = numbers(runs, matches, differences)
    page, out = compare_page.page(found, runs), Path(str(config.out))
    files = ("matches.npz", "results.json")  # the second for the score that counts and drawings begin at
    parents = {
        f"{letter} {file}": run.folder / file for letter, run in zip(found["runs"], runs, strict=True) for file in files
    }
    if lineage.claim(out, "detect.compare", cli.plain(config), parents):
        print(f"{out / 'compare.html'}: already there")
        return
    write_json(out / "compare.json", found)
    write_atomic(out / "compare.html", page.encode())
    lineage.complete(out)
    print(f"look at {out / 'compare.html'}")


def numbers(
    runs: Sequence[Run], matches: Sequence[Matches], differences: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What compare.json holds: `runs` by letter, `differences` to the first, `settings` that differ, `photos`."""
    settings = [ancestry.settings(run.folder) for run in runs]
    counts = [per_photo(m, run.results["at_score"]["score"]) for m, run in zip(matches, runs, strict=True)]
    different = ancestry.differing(settings)
    shared = len({s for some in settings for s in some}) - len(different)
    return {
        "runs": {
            letter: {
                "folder": str(run.folder),
                "training": run.training and str(run.training),
                **{key: run.results[key] for key in ("AP", "AP50", "AP75", "AR100", "at_score", "suggested", "errors")},
                "curves": curves.read(run.training) if run.training else {},
            }
            for letter, run in zip(ascii_uppercase, runs, strict=False)
        },
        "images": len(matches[0].images),
        "boxes": dict(zip(matches[0].classes, matches[0].wanted.sum(0).tolist(), strict=True)),
        "differences": dict(zip(ascii_uppercase[1:], differences, strict=False)),
        "settings": [{**asdict(s), "values": [some.get(s) for some in settings]} for s in different],
        "equal_settings": shared,
        "photos": [
            {
                "name": name,
                "right": [int(c.right[i]) for c in counts],
                "false_alarms": [int(c.false_alarms[i]) for c in counts],
                "missed": [int(c.missed[i]) for c in counts],
            }
            for i, name in enumerate(matches[0].images)
        ],
    }


def table(result: Mapping[str, Any], letter: str = "B") -> str:
    """`paired`'s differences as lines of text, one per class and one for the mean; `letter` names the second run."""
    apart = f"{letter} − A"
    lines = [["", "AP: A", letter, apart, "95 %", "AP50: A", letter, apart, "95 %"]]
    for name, values in [*result["per_class"].items(), ("mean of classes", result)]:
        lines.append([name, *(cell for key in ("AP", "AP50") for cell in _cells(values[key]))])
    return aligned(lines, right=True)


def _cells(values: Mapping[str, Any]) -> list[str]:
    ends = ["–" if values[key] is None else f"{values[key]:.3f}" for key in ("a", "b")]
    apart = "–" if values["difference"] is None else f"{values['difference']:+.3f}"
    bounds = values["interval"]
    return [*ends, apart, f"{bounds[0]:+.3f} to {bounds[1]:+.3f}" if bounds else "–"]


if __name__ == "__main__":
    cli.run(compare, CompareConfig, "detect_compare", __doc__)
