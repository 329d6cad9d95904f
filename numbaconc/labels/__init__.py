"""What needs labels: how far points of different labels are apart, and what every classifier must lose."""
