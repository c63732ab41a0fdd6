"""Machines of other people, imitated: their make, their systems, their accounts."""
