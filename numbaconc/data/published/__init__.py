"""The image data sets that numbaconc knows: what they are, where they are published and lie, and how they are read."""
