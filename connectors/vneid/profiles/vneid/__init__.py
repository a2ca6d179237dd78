"""Sign-on through VNeID directly: the thin claim set (identity facts 1.4)."""
