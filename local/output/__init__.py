"""Everything that a person or a script sees: events and results as bars, tables, timestamped lines or one JSON
document.
"""
