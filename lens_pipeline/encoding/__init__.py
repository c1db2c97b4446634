"""Predicting the responses of recorded units from layers, cross-validated and noise corrected."""
