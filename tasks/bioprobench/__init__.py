"""BioProBench: protocols of the life sciences; the official edition alone."""

from tasks.bioprobench import protocols, steps

TASKS = ()
EXTENSIONS = (protocols.GEN_SPEC, protocols.ORD_SPEC, steps.ERR_SPEC, steps.PQA_SPEC)
