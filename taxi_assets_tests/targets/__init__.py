"""Tests of each store for itself; what all stores promise is tested in contract/."""
