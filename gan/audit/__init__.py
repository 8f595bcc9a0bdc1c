"""Label safety after translation: is every object still there, where it was, and what it was?"""

from gan.audit.labels import AUDITS, audited
from gan.audit.verdicts import (
    FAILED,
    ImageAudit,
    Limits,
    ObjectAudit,
    audit_folder,
    audit_pictures,
    retained_share,
)

__all__ = [
    "AUDITS",
    "FAILED",
    "ImageAudit",
    "Limits",
    "ObjectAudit",
    "audit_folder",
    "audit_pictures",
    "audited",
    "retained_share",
]
