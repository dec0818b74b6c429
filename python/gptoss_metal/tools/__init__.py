"""Tools that run here: browser, python, apply_patch."""
