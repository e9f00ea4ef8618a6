"""The restore drill on this machine, and what every drill shares wherever it runs: which backups it takes (`targets`),
the order that the program is given, the text that is shipped (`program`, which `bundle` joins from the modules of
`local.drill_program`), and the distrustful reading of what it printed (`verdict`).
"""
