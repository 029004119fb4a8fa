"""Every connection parameter this driver knows beside those of the database driver, each declared once."""
