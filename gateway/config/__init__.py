"""Typed settings of the gateway: what can be set stands in model.py, how it is read in loading.py."""

from gateway.config.identity import Identity as Identity
from gateway.config.identity_questions import Questions as Questions
from gateway.config.loading import check as check
from gateway.config.loading import load as load
from gateway.config.loading import secret as secret
from gateway.config.model import Breaker as Breaker
from gateway.config.model import CallerKey as CallerKey
from gateway.config.model import CallerRecord as CallerRecord
from gateway.config.model import Files as Files
from gateway.config.model import Intake as Intake
from gateway.config.model import Listen as Listen
from gateway.config.model import Listeners as Listeners
from gateway.config.model import Loaded as Loaded
from gateway.config.model import Observe as Observe
from gateway.config.model import Operators as Operators
from gateway.config.model import Results as Results
from gateway.config.model import Retry as Retry
from gateway.config.model import RouteRule as RouteRule
from gateway.config.model import Settings as Settings
from gateway.config.model import Storage as Storage
from gateway.config.model import Struct as Struct
from gateway.config.model import Tls as Tls
from gateway.config.model import Upstream as Upstream
from gateway.config.signing import Signing as Signing
from gateway.config.signing import SigningKey as SigningKey
