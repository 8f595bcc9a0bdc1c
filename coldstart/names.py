"""Free-text labels in many spellings and languages become canonical class names, and a table says how.

A label is compared by its `keys`: case, accents, punctuation and blanks do not count. In this order it is a canonical
name, a synonym, the singular of either, or close to one of them (`rapidfuzz`'s ratio, normalised indel similarity); two
classes that are about as close are not told apart. What is left is unknown.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from rapidfuzz import fuzz

from coldstart.cli import conf_dir
from coldstart.errors import UserError

__all__ = ["Match", "Synonyms", "keys", "matched"]

AMBIGUOUS = 5.0  # points by which the best class must lead the next
SHORTEST = 4  # letters that a label has at least to be compared fuzzily: "tea" is one letter from "pea"
SHOWN = 3  # suggestions
WHOLE = str.maketrans(
    {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE"}
)
ACCENTS = dict.fromkeys(range(0x300, 0x370))  # the block of combining marks
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "AE", "Ö": "OE", "Ü": "UE"})


@dataclass(frozen=True)
class Match:
    """What one label became: its class (None: unknown), how, how alike they are (0 to 100), the nearest classes."""

    name: str
    target: str | None
    how: str
    score: float
    nearest: tuple[str, ...] = ()


def keys(name: str) -> set[str]:
    """How a label is compared: letters and digits alone, lower case, without accents; ä also as ae."""
    spellings = (name, unicodedata.normalize("NFC", name).translate(UMLAUTS))
    return {
        re.sub(r"[\W_]+", "", unicodedata.normalize("NFKD", s.translate(WHOLE).casefold()).translate(ACCENTS))
        for s in spellings
    }


def _singular(key: str) -> list[str]:
    """What a plural in -s, -es or -ies may be the plural of; other plurals are synonyms."""
    endings = (("ies", "y"), ("es", ""), ("s", ""))
    return [key.removesuffix(end) + new for end, new in endings if key.endswith(end) and len(key) > len(end) + 2]


class Synonyms:
    """Canonical classes and what else they are called."""

    def __init__(self, classes: Mapping[str, Sequence[str]]) -> None:
        """`classes`: canonical name -> synonyms.

        Raises:
            UserError: one spelling stands for two classes.
        """
        self.classes = list(classes)
        self.known: dict[str, tuple[str, str]] = {}
        for how, listed in (("spelling", {c: [c] for c in classes}), ("synonym", classes)):
            for target, names in listed.items():
                for key in {k for name in names for k in keys(name)}:
                    other = self.known.setdefault(key, (target, how))[0]
                    if other != target:
                        raise UserError(f"synonyms: {key!r} stands for both {other} and {target}; keep one")

    @classmethod
    def load(cls, files: Iterable[str]) -> "Synonyms":
        """Those of YAML files `class: [synonym, …]`, or of conf/synonyms/NAME.yaml; later files add to earlier ones.

        Raises:
            UserError: a file is missing, no YAML or of another shape.
        """
        classes: dict[str, list[str]] = {}
        for name in files:
            shipped = {file.stem: file for file in sorted((conf_dir() / "synonyms").glob("*.yaml"))}
            file = shipped.get(name, Path(name))
            try:
                content = yaml.safe_load(file.read_text(encoding="utf-8"))
            except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
                said = " ".join(str(error).split())
                raise UserError(
                    f"{name}: neither a YAML file of synonyms ({said}) nor one of {', '.join(shipped)}"
                ) from None
            if not isinstance(content, dict):
                raise UserError(f"{file}: expected lines `class: [synonym, …]`")
            for target, words in content.items():
                if not isinstance(target, str) or not isinstance(words, list | None):
                    raise UserError(f"{file}: {target!r}: expected `class: [synonym, …]` (quote yes, no, on and off)")
                classes.setdefault(target, []).extend(map(str, words or []))
        return cls(classes)

    def match(self, name: str, least: float) -> Match:
        """The class of a label; fuzzily from `least` (0 to 100; above 100: never) on."""
        own = keys(name)
        if name in self.classes:
            return Match(name, name, "same", 100.0)
        for key in own:
            if key in self.known:
                return Match(name, self.known[key][0], self.known[key][1], 100.0)
        for single in (s for key in own for s in _singular(key)):
            if single in self.known:
                return Match(name, self.known[single][0], "singular", 100.0)
        scores: dict[str, float] = {}
        for known, (target, _) in self.known.items():
            score = max(fuzz.ratio(key, known) for key in own)
            scores[target] = max(score, scores.get(target, 0.0))
        ranked = sorted(scores, key=lambda target: (-scores[target], target))
        nearest, best = tuple(ranked[:SHOWN]), scores[ranked[0]] if ranked else 0.0
        lead = best - (scores[ranked[1]] if len(ranked) > 1 else 0.0)
        long = max(map(len, own)) >= SHORTEST
        if best >= least and lead >= AMBIGUOUS and long:
            return Match(name, ranked[0], "fuzzy", round(best, 1), nearest)
        return Match(name, None, "unknown", round(best, 1), nearest)


def matched(names: Iterable[str], synonyms: Synonyms, least: float) -> list[Match]:
    """What each of `names` is called from now on.

    Raises:
        UserError: some are unknown; the line lists them, each with the nearest classes.
    """
    table = [synonyms.match(name, least) for name in names]
    if unknown := [m for m in table if m.target is None]:
        said = "; ".join(f"{m.name!r} (nearest: {', '.join(m.nearest)})" for m in unknown)
        raise UserError(
            f"names: no class for {said}; add them to a YAML file `class: [synonym, …]` and name it in names="
        )
    return table
