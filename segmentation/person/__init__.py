"""The bundled network that finds people one by one."""
