"""The operations of Stripe's API that an integration with payments and subscriptions, or its test suite, calls.

Not here: Connect, Issuing, Treasury, Terminal, Tax, Identity, reports, sources, and operations that only the dashboard
needs.
"""

from __future__ import annotations

#: Methods after each path: C is POST to a collection, L its list; R, U, D are GET, POST and DELETE of one object.
_PATHS = """
/v1/account R
/v1/balance R
/v1/balance_transactions L
/v1/balance_transactions/{id} R
/v1/billing_portal/configurations C
/v1/billing_portal/sessions C
/v1/charges L
/v1/charges/search L
/v1/charges/{charge} RU
/v1/charges/{charge}/dispute R
/v1/charges/{charge}/refunds L
/v1/checkout/sessions CL
/v1/checkout/sessions/{session} RU
/v1/checkout/sessions/{session}/expire C
/v1/checkout/sessions/{session}/line_items L
/v1/coupons C
/v1/coupons/{coupon} RD
/v1/credit_notes C
/v1/customer_sessions C
/v1/customers CL
/v1/customers/search L
/v1/customers/{customer} RUD
/v1/customers/{customer}/balance_transactions C
/v1/customers/{customer}/payment_methods L
/v1/customers/{customer}/tax_ids C
/v1/disputes L
/v1/disputes/{dispute} RU
/v1/disputes/{dispute}/close C
/v1/ephemeral_keys C
/v1/events L
/v1/events/{id} R
/v1/file_links C
/v1/files C
/v1/invoiceitems C
/v1/invoices CL
/v1/invoices/create_preview C
/v1/invoices/search L
/v1/invoices/{invoice} RU
/v1/invoices/{invoice}/finalize C
/v1/invoices/{invoice}/lines L
/v1/invoices/{invoice}/mark_uncollectible C
/v1/invoices/{invoice}/pay C
/v1/invoices/{invoice}/send C
/v1/invoices/{invoice}/void C
/v1/payment_intents CL
/v1/payment_intents/search L
/v1/payment_intents/{intent} RU
/v1/payment_intents/{intent}/cancel C
/v1/payment_intents/{intent}/capture C
/v1/payment_intents/{intent}/confirm C
/v1/payment_intents/{intent}/increment_authorization C
/v1/payment_links C
/v1/payment_links/{payment_link}/line_items L
/v1/payment_methods CL
/v1/payment_methods/{payment_method} R
/v1/payment_methods/{payment_method}/attach C
/v1/payment_methods/{payment_method}/detach C
/v1/payouts L
/v1/prices CL
/v1/prices/search L
/v1/prices/{price} RU
/v1/products CL
/v1/products/search L
/v1/products/{id} RUD
/v1/promotion_codes CL
/v1/promotion_codes/{promotion_code} U
/v1/radar/early_fraud_warnings L
/v1/refunds CL
/v1/refunds/{refund} RU
/v1/reviews L
/v1/reviews/{review}/approve C
/v1/setup_intents C
/v1/setup_intents/{intent} R
/v1/setup_intents/{intent}/cancel C
/v1/setup_intents/{intent}/confirm C
/v1/shipping_rates C
/v1/shipping_rates/{shipping_rate_token} R
/v1/subscription_items CL
/v1/subscription_items/{item} UD
/v1/subscription_schedules C
/v1/subscription_schedules/{schedule} U
/v1/subscriptions CL
/v1/subscriptions/search L
/v1/subscriptions/{subscription_exposed_id} RUD
/v1/subscriptions/{subscription}/resume C
/v1/tax_ids C
/v1/tax_rates CL
/v1/test_helpers/customers/{customer}/fund_cash_balance C
/v1/test_helpers/refunds/{refund}/expire C
/v1/test_helpers/test_clocks C
/v1/test_helpers/test_clocks/{test_clock} R
/v1/test_helpers/test_clocks/{test_clock}/advance C
/v1/tokens C
/v1/webhook_endpoints CL
/v1/webhook_endpoints/{webhook_endpoint} UD
/v2/core/event_destinations C
/v2/core/events L
/v2/core/events/{id} R
"""
_METHODS = {"C": "POST", "L": "GET", "R": "GET", "U": "POST", "D": "DELETE"}

OPERATIONS = tuple(
    f"{_METHODS[letter]} {path}"
    for path, letters in (line.split() for line in _PATHS.strip().splitlines())
    for letter in letters
)
