"""The restore drill on this machine, and what every drill shares wherever it runs: which backups it takes, the
order that the program is given, the text that is shipped, and the distrustful reading of what it printed.
"""
