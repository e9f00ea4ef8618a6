"""Where backups are kept: one small interface, a folder and an Azure container that keep its promises equally,
the names and the metadata that stand there, and which point in time a name, a day and a moment choose.
"""
