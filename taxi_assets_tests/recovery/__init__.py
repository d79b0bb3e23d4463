"""Recovery of lost data, on real stores: what is found, what is mended, and what is left alone."""
