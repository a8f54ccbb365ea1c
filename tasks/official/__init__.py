"""Official editions: published files of a data root become items and raw sources."""
