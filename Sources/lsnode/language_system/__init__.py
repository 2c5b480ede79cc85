"""From a language model's own states to ranked answers.

`Client` and `AsyncClient` ask a coordinator; `FeatureContract` says how features were taken;
`FeatureSetWriter` and `read_feature_set` keep them with labels, `SamplingConfig` and `backends`
make them, `labelers` judge them. The page `README.md` of this package begins with an example.
"""

from .client import AsyncClient, Client, RerankRequest, RerankResponse
from .contract import FeatureContract, Message, template_digest
from .errors import LanguageSystemError
from .feature_writer import FeatureSetWriter
from .features import (
    CandidateGroup,
    FeatureSet,
    FeatureSetMetadata,
    answer_ids,
    read_feature_set,
)
from .sampling import SamplingConfig
from .version import __version__

__all__ = [
    "AsyncClient",
    "CandidateGroup",
    "Client",
    "FeatureContract",
    "FeatureSet",
    "FeatureSetMetadata",
    "FeatureSetWriter",
    "LanguageSystemError",
    "Message",
    "RerankRequest",
    "RerankResponse",
    "SamplingConfig",
    "__version__",
    "answer_ids",
    "read_feature_set",
    "template_digest",
]
