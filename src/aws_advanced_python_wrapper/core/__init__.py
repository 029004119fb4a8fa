"""Sessions, plugins and the path of a call through them."""
