"""Log records, error reports and OpenTelemetry spans.

Every layer may import it. It knows neither Stripe nor the tables.
"""
