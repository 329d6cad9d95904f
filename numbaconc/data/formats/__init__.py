"""The formats that users' data come in: one a file, and `known`, which has a row for each."""
