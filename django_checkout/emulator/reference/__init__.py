"""Test cards, currencies, exchange rates and billing periods. Imported from anywhere; does not know the state."""
