"""Calls Stripe, verifies its signatures and reads its objects into facts.

The layers above import it. It is the only package that imports ``stripe``, and it must not know a model.
"""
