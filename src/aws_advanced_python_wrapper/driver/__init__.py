"""One adapter for each database driver: everything that differs between them is said here."""
