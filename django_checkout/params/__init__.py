"""The parameters of a Checkout Session, built from an order and its options, and Stripe's rules for them.

Services, faces and checks import it. It does not call Stripe. ``build`` returns the parameters that identify a request;
``complete`` adds those of one attempt (ids, expiry, URLs), so that the session of an unchanged request can be reused.
"""
