"""Users' arrays and files, and the data sets of the registry."""
