"""A tar unpacked into a new folder, and nowhere else, whatever the tar says; then read back and compared with it."""
