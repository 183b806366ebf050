"""Patcher: apply declarative recipes to research code, and prove that it still computes the same thing."""

__all__ = ["__version__"]

__version__ = "0.1.0"
