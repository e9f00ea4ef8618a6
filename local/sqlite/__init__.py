"""SQLite's files while their application writes to them: opened without harm, copied as of one moment, checked, and
what goes wrong told in terms of what a person must do. Every room that touches such a file does it through this one.
"""
