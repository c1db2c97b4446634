"""Conformance run: a catalogue of published architectures, each traced and validated."""
