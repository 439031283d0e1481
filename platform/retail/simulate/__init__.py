"""The shop's source system: writes the landing files that a real shop would deliver each day."""
