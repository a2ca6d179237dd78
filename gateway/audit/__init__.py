"""Nhật ký kiểm toán: what happened, from a closed catalogue."""
