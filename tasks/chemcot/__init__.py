"""ChemCoTBench: molecules understood, edited, optimised, and reactions."""

from tasks.chemcot import mol_edit, mol_opt, mol_und, reaction

TASKS = (mol_und.SPEC, mol_edit.SPEC, mol_opt.SPEC, reaction.SPEC)
EXTENSIONS = ()
