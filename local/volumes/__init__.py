"""Docker volumes: what a local engine tells of them, a tar of what is in them, and their content put back."""
