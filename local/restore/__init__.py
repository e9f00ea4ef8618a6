"""From a proven backup to a live database and back: kept first, replaced whole, undone by itself where it fails,
and finished or cleared away by the next command where it was killed.
"""
