"""Whether what the baseline promises holds, on simulated sources."""
