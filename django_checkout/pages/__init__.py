"""The HTML pages and browser endpoints of a checkout, and what their responses have in common.

``urls.py`` imports the views; admin and API import ``responses``. A view reads the request, calls one service and
renders: it contains no rule about payments and does not import the API or the admin.
"""
