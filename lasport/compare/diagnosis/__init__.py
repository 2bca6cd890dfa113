"""Why somebody's own port of a net gives other numbers: the cause, layer by layer."""
