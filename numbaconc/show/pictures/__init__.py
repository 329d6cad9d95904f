"""Pictures: which files make which, how they look, and what each of them shows."""
