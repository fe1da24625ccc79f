"""Base images from distribution packages. Nothing but `image.base` needs this."""
