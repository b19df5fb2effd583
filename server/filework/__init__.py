"""Tasks on files: which file becomes which, done in this process or by a running service."""
