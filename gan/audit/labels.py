"""What an audit does to a translated folder's labels."""

from dataclasses import replace

from coldstart.dataset import Dataset
from coldstart.errors import UserError
from gan.audit.verdicts import Limits, audit_folder, source_paths

__all__ = ["AUDITS", "audited"]

AUDITS = ("flag", "drop", "off")  # gan.translate audit=…


def audited(folder: Dataset, *, drop: bool) -> Dataset:
    """`folder`, whose images say their `source`, with the verdicts in its annotations and their counts in its images.

    With `drop` a whole image goes if one of its objects fails or something appeared: an object that is no longer what
    its label says, or one without a label, would teach the wrong thing, and leaving out the label alone would too. How
    many went is `left_out` in info.

    Raises:
        UserError: a picture or mask cannot be read, or `drop` leaves no image.
    """
    audits = audit_folder(folder, source_paths(folder, None), Limits())
    kept = [audit for audit in audits if not (drop and audit.failed)]
    if not kept:
        raise UserError(
            f"{folder.root}: audit=drop leaves none of {len(audits)} images; see what is wrong with audit=flag and "
            "python -m gan.audit, with another out="
        )
    annotations = {o.annotation["id"]: o.verdict for audit in kept for o in audit.objects}
    objects, failed = len(folder.annotations), sum(audit.failed for audit in audits)
    retained = sum(audit.counts["retained"] for audit in audits)
    unjudged = sum(audit.counts["unjudged"] for audit in audits)
    print(
        f"audit: {retained} of {objects - unjudged} objects retained, {unjudged} not judged; {failed} of {len(audits)} "
        f"images fail{' and are left out' if drop and failed else ''}"
    )
    return replace(
        folder,
        info={**folder.info, "left_out": len(audits) - len(kept)},
        images=[{**audit.image, "audit": audit.counts} for audit in kept],
        annotations=[{**a, "audit": annotations[a["id"]]} for a in folder.annotations if a["id"] in annotations],
    )
