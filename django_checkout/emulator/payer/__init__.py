"""The pages and actions of shoppers. Above ``api``; does not import webhook delivery, which is passed in."""
