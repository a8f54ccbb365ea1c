"""Chemistry shared by the ChemCoT tasks: groups, properties, scaffolds, similarity, reactions."""
