"""Where files are kept: a local directory or a Google Cloud Storage prefix, behind one small protocol."""

from taxi_assets.targets.objects.objects import ObjectInfo, ObjectStore, open_objects

__all__ = ["ObjectInfo", "ObjectStore", "open_objects"]
