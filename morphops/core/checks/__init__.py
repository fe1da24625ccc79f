"""The rules of `bundle.check` and `image.check`."""
