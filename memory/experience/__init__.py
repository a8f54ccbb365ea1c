"""Experience across runs: lessons as text, and a Chroma index over them that can be rebuilt."""
