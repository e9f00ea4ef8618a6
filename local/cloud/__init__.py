"""How this machine is known and understood in Azure: endpoints, logins, TLS trust, errors as a person must read
them, the caller that a token names, and texts without their secrets.
"""
