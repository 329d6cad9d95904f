"""Results for people: words and plots."""
