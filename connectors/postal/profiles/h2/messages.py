"""The wire types of h2: those of the adapter itself (postal facts 2.3 to 2.5)."""

from __future__ import annotations

from connectors.postal.profiles._ngsp.messages import Embedded as Embedded
from connectors.postal.profiles._ngsp.messages import MDocument as MDocument
from connectors.postal.profiles._ngsp.messages import MOrder as MOrder
from connectors.postal.profiles._ngsp.messages import MProcedure as MProcedure
from connectors.postal.profiles._ngsp.messages import MTransceiver as MTransceiver
from connectors.postal.profiles._ngsp.messages import ObjectId as ObjectId
from connectors.postal.profiles._ngsp.messages import Said as Said
from connectors.postal.profiles._ngsp.messages import Tracked as Tracked
from connectors.postal.profiles._ngsp.messages import TrackingPage as TrackingPage
