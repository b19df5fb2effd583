"""Pure functions on arrays: each module answers one question about pixels."""
