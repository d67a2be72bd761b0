"""What an operator runs and reads: the doctor, webhook health, statistics, retention and erasure.

Commands, checks, pages, the admin and the JSON API import it. It reads every table; nothing below it imports it.
"""
