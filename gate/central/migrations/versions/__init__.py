"""One file a revision, numbered. A released revision is never edited."""
