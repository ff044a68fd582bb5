//! Throughput and latency measurements of the whole stack.
