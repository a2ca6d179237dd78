"""Trung gian thanh toán: fees paid through any intermediary, one truth about each of them."""
