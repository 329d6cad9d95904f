"""The one door for arrays (`arrays`, `sample`, `space`), and how they come in: `formats`, `published`, `datasets`."""
