"""How this machine is known and understood in Azure: endpoints, logins, TLS trust, errors as a person must read
them, and texts without their secrets.
"""
