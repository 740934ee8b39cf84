"""Anatomy: handshake messages taken apart, field by field."""
