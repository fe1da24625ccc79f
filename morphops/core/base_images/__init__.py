"""Recipes of base images."""
