"""A grid of cases → one xarray dataset: durable case by case, on any executor."""
