"""Audited marts become a release; a release becomes what consumers read; and the way back."""

from assetops.publish.releases import Releases

__all__ = ["Releases"]
