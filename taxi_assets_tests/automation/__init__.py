"""Sensors and schedules: what they ask for, what they remember, and that they ask for nothing twice."""
