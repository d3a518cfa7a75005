"""Benchmarks: ours and the yardstick in turn in one run, medians, the ratio printed."""
