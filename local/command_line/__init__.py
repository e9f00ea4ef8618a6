"""What all commands share: how one is declared, the options that several have, how each ends, and what becomes of an
error that no command could catch. The commands themselves stand in the `tasks.py` of their rooms.
"""
