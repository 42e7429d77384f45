"""What is done to a batch of images before the learned augmentation."""

from custom_transforms.errors import PolicyError
from custom_transforms.normalise import Normalise
from custom_transforms.operations import OPERATIONS, Operation, Steps, apply_steps
from custom_transforms.policies import PARTNER_OPERATIONS, RAND_OPERATIONS, RandPolicy, SubPolicies
from custom_transforms.published import PUBLISHED, published_policy
from custom_transforms.standard import RandomCrop, RandomErasing, RandomFlip
from custom_transforms.view import TrainingView

__all__ = [
    "OPERATIONS",
    "PARTNER_OPERATIONS",
    "PUBLISHED",
    "RAND_OPERATIONS",
    "Normalise",
    "Operation",
    "PolicyError",
    "RandPolicy",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "Steps",
    "SubPolicies",
    "TrainingView",
    "apply_steps",
    "published_policy",
]
