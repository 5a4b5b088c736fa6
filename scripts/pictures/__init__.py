"""The sets of pictures of the documentation, a module each with a function ``make``."""
