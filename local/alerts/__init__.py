"""Who is told, and when: one message a change of state (`state`), through the channels that the `secrets` name
(`send`), and pings to a check that notices silence (`ping`). What was told is remembered in `memory`, what happened is
read from reports and the status in `outcomes` and put into words in `words`; `tell` does it all once, `around` for a
command. An alert that fails is reported, and never fails what it is about.
"""
