"""Photos from strangers. `image_clean` is all that the house sees of them."""

from kyc.images.clean import CleanImage, image_clean

__all__ = ["CleanImage", "image_clean"]
