"""PANORAMA: three tasks of patent examination."""

from tasks.panorama import noc4pc, par4pc, pi4pc

TASKS = (par4pc.SPEC, noc4pc.SPEC, pi4pc.SPEC)
EXTENSIONS = ()
