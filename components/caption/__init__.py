"""Captions: dense ones by a teacher, merged with what alt texts know, checked, and scaled up by a student."""
