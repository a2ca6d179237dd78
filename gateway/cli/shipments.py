"""`gateway shipments`: where parcels are, which ones are stuck and why; with a code, the way that one took."""

from __future__ import annotations

import argparse

from gateway.cli.showing import show_view, view_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which parcels, or which one."""
    view_arguments(parser)
    parser.add_argument(
        "shipment",
        nargs="?",
        default="",
        metavar="MÃ",
        help="mã bưu gửi hoặc số đơn hàng: xem từng chặng của bưu gửi đó",
    )
    parser.add_argument("--dossier", default="", metavar="MÃ", help="chỉ bưu gửi của hồ sơ này")
    parser.add_argument("--state", default="", metavar="TRẠNG_THÁI", help="chỉ trạng thái này, ví dụ returning")
    parser.add_argument("--carrier", default="", metavar="TÊN", help="chỉ đơn vị vận chuyển này")
    parser.add_argument("--stuck", action="store_true", help="chỉ bưu gửi cần người xem")


def run(arguments: argparse.Namespace) -> int:
    """Print them; 1 when one waits for a person."""
    if arguments.shipment:
        return show_view(arguments, "shipment", {"shipment": arguments.shipment})
    filters = {"dossier": arguments.dossier, "state": arguments.state, "carrier": arguments.carrier}
    return show_view(arguments, "shipments", {**filters, "stuck": "1" if arguments.stuck else ""})
