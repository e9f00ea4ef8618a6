"""The drill on the Azure VM, through Run Command."""
