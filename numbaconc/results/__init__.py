"""Measurements as xarray datasets: one schema, one layout, files written whole, and questions that they answer."""
