"""PANORAMA: three tasks of patent examination."""
