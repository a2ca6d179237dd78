"""Hệ thống thông tin giải quyết TTHC: signed pushes to the ministry's resolution system. See README.md."""
