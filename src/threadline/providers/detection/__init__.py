"""Finding the mail server of an address, and saying what was tried on the way."""

from threadline.providers.address import check_address
from threadline.providers.detection.detect import detect
from threadline.providers.detection.inquiry import Means
from threadline.providers.detection.result import Detection, DetectionStep, Outcome, Source

__all__ = ["Detection", "DetectionStep", "Means", "Outcome", "Source", "check_address", "detect"]
