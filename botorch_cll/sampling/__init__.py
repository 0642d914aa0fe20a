"""Samplers for the posteriors of this package."""

from botorch_cll.sampling.member import MemberSampler

__all__ = ["MemberSampler"]
