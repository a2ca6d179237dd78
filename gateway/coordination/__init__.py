"""What nodes share and may lose: rate budgets, wake-ups, a cache of short-lived values. Never the only copy of anything."""
