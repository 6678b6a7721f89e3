"""The admin listener: probes now; metrics and the live page have their place here."""
