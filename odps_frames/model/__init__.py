"""What we talk about: frozen values with no input or output and no JSON."""
