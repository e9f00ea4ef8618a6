"""Which rights the backup's principal has, and giving or taking back the one that it lacks."""
