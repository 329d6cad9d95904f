"""Ways of finding a region, one a file. Each is a pure function: (sample, settings, seed) → region."""
