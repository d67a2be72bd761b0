"""The site that the benchmarks serve: the app with a receiver of ``order_paid``, and the floor it is compared with."""
