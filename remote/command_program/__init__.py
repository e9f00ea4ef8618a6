"""What `invoke remote.run` ships: a program that runs one command on the VM and answers with all that came of it.

`command` is the program as a process, `processes` runs the command and ends what it started, `streams` takes its
output, `command_order` is what it is told. It needs the standard library of Python 3.8 or later and imports nothing but
its own modules and a few of `local.drill_program`, with which `local.drill.bundle` joins it into one text; no two of
them have the same name. `__init__` stays empty of code.
"""
