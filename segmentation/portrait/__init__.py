"""The bundled network that tells people from everything else."""
