"""The folder that goes on a program's PYTHONPATH so that it finds the `sitecustomize` in here."""
