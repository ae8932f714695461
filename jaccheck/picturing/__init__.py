"""Pictures of the Jacobians of cases, findings and users' models, as arrays ready to be drawn."""

from jaccheck.picturing.sources import methods_of, picture_of_case, picture_of_finding, picture_of_model

__all__ = ["methods_of", "picture_of_case", "picture_of_finding", "picture_of_model"]
