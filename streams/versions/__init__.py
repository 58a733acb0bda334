"""Versions of a model beside running workers: deploy, shadow, promote, roll back, remove, and see how things stand."""

from streams.versions.desk import VersionDesk, open_desk
from streams.versions.overview import ComparedVersions, ModelOverview, VersionOverview

__all__ = ["ComparedVersions", "ModelOverview", "VersionDesk", "VersionOverview", "open_desk"]
