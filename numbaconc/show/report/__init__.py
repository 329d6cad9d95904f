"""Result files as one page, or as its tables: what it is made of, and how it is written."""
