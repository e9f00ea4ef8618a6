"""What happens on this machine: snapshot, archive, store, drill."""
