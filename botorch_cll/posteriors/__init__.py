"""Posteriors of the ensemble surrogates."""

from botorch_cll.posteriors.member import MemberPosterior, TransformedMemberPosterior

__all__ = ["MemberPosterior", "TransformedMemberPosterior"]
