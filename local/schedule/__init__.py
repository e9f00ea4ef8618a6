"""Who runs it when nobody thinks of it: launchd's agents on macOS, systemd's user timers on Linux, and on which day the
month's drill is due.
"""
