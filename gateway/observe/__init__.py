"""What the gateway says about itself: logs, metrics, health, and the named points where tests let it die."""
