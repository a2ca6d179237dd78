"""What every claim set shares: reading claims in every JSON type that was seen, and making one account of them."""
