"""Posteriors of the ensemble surrogates."""

from botorch_cll.posteriors.member import MemberPosterior

__all__ = ["MemberPosterior"]
