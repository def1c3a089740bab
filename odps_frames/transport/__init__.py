"""How it travels: one method, ``send``, wrapped by what signs, finds the way and tries again."""
