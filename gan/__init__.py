"""Stage 2: renders + photos -> renders that look like the photos, labels untouched."""
