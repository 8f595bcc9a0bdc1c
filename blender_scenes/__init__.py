"""Stage 1: config + seed -> labelled renders. Runs inside Blender on bpy, numpy and the standard library."""
